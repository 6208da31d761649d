import { type LaneSettings, MemoryNetwork } from "../../relay/transport/memory/index.ts";
import { ManualClock } from "../support/clock.ts";
import { conformance, type Harness } from "./conformance.ts";

const NO_CERTIFICATE = { cert: "", key: "" };

/** The suite's time is the clock's: nothing in it waits for real. */
function harness(settings: Partial<LaneSettings>): Harness {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, settings, overwrite: true, warn: () => {} });
  return {
    supports: {
      datagrams: true,
      priority: true,
      streamLimits: true,
      reject: true,
      stopAccepting: true,
      headers: true,
      certificateSwap: "a simulated network has no certificates",
      vanish: true,
    },
    maxCode: 2 ** 32 - 1,
    host: "relay.test",
    start: () => Promise.resolve({ client: network.engine(), server: network.engine() }),
    certificate: () => NO_CERTIFICATE,
    trust: () => ({ kind: "insecure" }),
    url: ({ address, port }, target) => new URL(`https://${address}:${port}${target}`),
    until: async (what, look) => {
      let found = look();
      await clock.runUntil(() => {
        found = look();
        return found !== undefined && found !== false;
      });
      if (found === undefined || found === false) throw new Error(`${what} did not come`);
      return found;
    },
    settled: async (promise) => {
      let done = false;
      const settle = () => {
        done = true;
      };
      promise.then(settle, settle);
      await clock.runUntil(() => done);
      return await promise;
    },
    pass: (ms) => clock.run(ms),
    vanish: ({ client }) => network.vanish(client),
  };
}

conformance("memory, a local network", harness({ latencyMs: 0.1, bandwidth: 100_000_000 }));
conformance("memory, a long way with jitter", harness({ latencyMs: 20, jitterMs: 10, bandwidth: 10_000_000 }));
