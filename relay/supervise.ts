import { openServiceSocket, ServiceState, serviceStatus } from "../machine/index.ts";
import { systemClock } from "../transport/shared/index.ts";
import type { Config } from "./config/index.ts";
import { systemCalls } from "./host/index.ts";
import type { Logger } from "./log/index.ts";
import type { Relay } from "./relay.ts";

/** Milliseconds beyond the drain and its hooks that a relay may take to end. */
const END_MS = 10_000;

/** What a service manager learns of a relay. */
export interface Supervision {
  /** A reload has begun, or has ended. */
  reloads(reloading: boolean): void;
  /** The relay ends because of `signal`, within the time that `drain` allows. */
  stopping(signal: string, config: Pick<Config, "drain" | "health">): void;
  close(): void;
}

/** Tells systemd about `relay`, which has just started; undefined when the process is no service of type `notify`. */
export function supervise(relay: Relay, log: Logger): Supervision | undefined {
  const warn = (message: string, err?: unknown) => log.warn({ err }, message);
  const send = openServiceSocket({ env: process.env, warn, datagram: systemCalls()?.notifyServiceManager });
  if (send === undefined) return undefined;
  const service = new ServiceState({
    send,
    clock: systemClock,
    env: process.env,
    pid: process.pid,
    live: () => relay.health().live,
    status: () =>
      serviceStatus({
        reasons: relay.reasons(),
        sessions: relay.counters.sessionsActive,
        broadcasts: relay.counters.broadcastsActive,
      }),
    monotonicUs: () => process.hrtime.bigint() / 1_000n,
  });
  service.ready();
  return {
    reloads: (reloading) => (reloading ? service.reloading() : service.reloaded()),
    stopping: (signal, { drain, health }) => {
      const { delayMs, graceMs, spreadMs } = drain;
      // One run of `on_change` before the drain, and one at the end.
      const changeMs = health.onChange.length > 0 ? 2 * health.onChangeTimeoutMs : 0;
      const drainedMs = drain.onDrained.length > 0 ? drain.onDrainedTimeoutMs : 0;
      service.stopping(`Draining (${signal})`, changeMs + delayMs + graceMs + spreadMs + drainedMs + END_MS);
    },
    close: () => service.close(),
  };
}
