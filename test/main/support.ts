/** A publisher of known groups, and quiet configurations, for tests of the whole relay. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Trust } from "../../moq/link.ts";
import { Broadcasts } from "../../moq/model/broadcasts.ts";
import type { GroupWriter, Source } from "../../moq/model/contract.ts";
import { ChannelRegistry, liteSession, openAccess, type Session } from "../../moq/session/index.ts";
import { dialRelay } from "../../relay/client/dial.ts";
import { type Config, loadConfig } from "../../relay/config/config.ts";
import { createLogger, type Logger } from "../../relay/log/logger.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";

export { until } from "../support/until.ts";

import { revocable } from "../support/revoke.ts";

/** A configuration on free loopback ports with state in a folder of its own. */
export async function testConfig(
  settings: Record<string, string> = {},
): Promise<{ config: Config; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-main-"));
  const { config } = loadConfig({
    env: {
      MOQMESH_SERVER_HOST: "127.0.0.1",
      MOQMESH_SERVER_PORT: "0",
      MOQMESH_HTTP_ADMIN_PORT: "0",
      MOQMESH_TLS_STATE_DIR: folder,
      MOQMESH_DRAIN_SPREAD: "0s",
      MOQMESH_HTTP_ADMIN_TOKEN_FILE: (await revocable(folder))["http.admin_token_file"],
      ...settings,
    },
  });
  return { config, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A log whose entries can be looked at. */
export function captureLog(): { log: Logger; entries: Record<string, unknown>[]; messages: () => unknown[] } {
  const entries: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => entries.push(JSON.parse(line)) };
  const log = createLogger({ level: "info", format: "json", stream });
  return { log, entries, messages: () => entries.map((entry) => entry["msg"]) };
}

export interface TestPublisher {
  readonly session: Session;
  /** Settles with the code that the session was closed with. */
  readonly closed: Promise<{ code: number; message: string }>;
  /** Announces one broadcast more. */
  publish(path: string): void;
}

/** Publishes `path` with groups of `track` at the relay at `url`; the last group is the newest. */
export async function publishTo(
  url: URL,
  path: string,
  track: string,
  groups: readonly (readonly string[])[],
  trust: Trust = { kind: "system" },
): Promise<TestPublisher> {
  const broadcasts = new Broadcasts({
    clock: systemClock,
    limits: {
      broadcasts: 100,
      tracksPerBroadcast: 100,
      frameBytes: 1e6,
      groupBytes: 1e6,
      framesPerGroup: 100,
      groupsPerTrack: 100,
      waitingSubscriptions: 10,
      subscribeWaitMs: 100,
      trackLingerMs: 0,
    },
    cache: { bytes: 1e6, policy: "oldest", maxAgeMs: 60_000 },
  });
  const source = sourceOf(track, groups);
  const publish = (at: string) => void broadcasts.publish(at, { epoch: 0n, hops: [], cost: 0, ended: false }, source);
  publish(path);
  const closed = Promise.withResolvers<{ code: number; message: string }>();
  const started = Promise.withResolvers<Session>();
  const attach = liteSession(
    {
      broadcasts,
      clock: systemClock,
      limits: {
        announcementsPerSession: 100,
        announceStreamsPerSession: 10,
        subscriptionsPerSession: 10,
        fetchesPerSession: 10,
        pendingStreamsPerSession: 10,
        groupsPerSession: 256,
        unansweredPerViewer: 10,
        sessionQueueMark: 1e6,
        sessionQueueBytes: 1e7,
        headerTimeoutMs: 5_000,
        pathBytes: 1_024,
        trackNameBytes: 1_024,
        frameBytes: 1e6,
      },
      channels: new ChannelRegistry(),
      hop: 77n,
      access: openAccess(""),
      defect: (error) => started.reject(error),
      closed: ({ code, message }) => closed.resolve({ code, message }),
    },
    (session) => started.resolve(session),
  );
  const deps = { clock: systemClock, warn: () => {} };
  // The newest of those that need no SETUP, unless the path has to travel in it.
  const protocols = url.protocol === "moql:" ? ["moq-lite-05"] : ["moq-lite-04"];
  await dialRelay({ url, trust, protocols, timeoutMs: 5_000, deps, attach });
  return { session: await started.promise, closed: closed.promise, publish };
}

function sourceOf(name: string, groups: readonly (readonly string[])[]): Source {
  const info = { priority: 0, ordered: false, maxLatency: 10_000, timescale: 1_000 };
  const send = (writer: GroupWriter, frames: readonly string[]) => {
    for (const frame of frames) {
      const bytes = Buffer.from(frame);
      writer.frame(bytes.length, undefined);
      if (bytes.length > 0) writer.payload(bytes);
      writer.end();
    }
    writer.finish();
  };
  return {
    hasInfo: false,
    info: () => () => {},
    subscribe(_path, track, _options, sink) {
      queueMicrotask(() => {
        if (track !== name) return sink.closed("not_found");
        sink.info(info);
        const newest = groups.length - 1;
        const writer = sink.group(newest);
        if (typeof writer !== "string") send(writer, groups[newest] ?? []);
      });
      return { update: () => {}, cancel: () => {} };
    },
    fetch(_path, track, sequence, _priority, writer) {
      const frames = groups[sequence];
      if (track !== name || frames === undefined) writer.reset("not_found");
      else send(writer, frames);
      return () => {};
    },
  };
}
