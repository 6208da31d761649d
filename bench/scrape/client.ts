import type { Engine } from "../../moq/link.ts";
import { Broadcasts, type Source, type UpstreamSink, wholeGroup } from "../../moq/model/index.ts";
import { ChannelRegistry, openAccess, startSession } from "../../moq/session/index.ts";
import { DIAL_LIMITS, MODEL_LIMITS, SESSION_LIMITS } from "../../relay/client/index.ts";
import { systemClock } from "../../transport/shared/index.ts";

/** Milliseconds for a session to open. */
const TIMEOUT_MS = 30_000;

const TRACK = "video";
const PROTOCOL = "moq-lite-04";

/** The relay under load, and the engine that reaches it. */
export interface Where {
  readonly url: URL;
  /** Of its certificate. */
  readonly sha256: Uint8Array;
  readonly engine: Engine;
}

const channels = new ChannelRegistry();
let nextHop = 1n;

/** Opens a session that may publish a broadcast, and watches one. Resolves when it is open. */
export async function openLoadSession(
  { url, sha256, engine }: Where,
  { publish, watch }: { readonly publish?: string; readonly watch: string },
): Promise<void> {
  const broadcasts = new Broadcasts({
    clock: systemClock,
    limits: MODEL_LIMITS,
    cache: { bytes: 1_000_000, maxAgeMs: 1_000, policy: "oldest" },
  });
  if (publish !== undefined) broadcasts.publish(publish, { epoch: 0n, hops: [], cost: 0, ended: false }, oneGroup);
  const deps = {
    broadcasts,
    clock: systemClock,
    limits: SESSION_LIMITS,
    channels,
    hop: nextHop++,
    access: openAccess(""),
    defect: (error: unknown) => {
      throw error;
    },
    closed: () => {},
  };
  const attach = startSession(deps, ({ source }) => {
    source.subscribe(watch, TRACK, { priority: 0, ordered: false, maxLatency: 10_000 }, ignoring);
  });
  const trust = { kind: "hashes" as const, sha256: [sha256] };
  await engine.dial({ url, protocols: [PROTOCOL], trust, limits: DIAL_LIMITS, timeoutMs: TIMEOUT_MS }, attach);
}

/** Gives each subscription one group of one frame. */
const oneGroup: Source = {
  hasInfo: false,
  info: () => () => {},
  fetch: (_path, _track, _sequence, _priority, writer) => {
    writer.reset("not_found");
    return () => {};
  },
  subscribe(_path, _track, _options, sink) {
    queueMicrotask(() => {
      sink.info({ priority: 0, ordered: false, maxLatency: 10_000, timescale: 1_000 });
      const writer = sink.subgroup(wholeGroup(0));
      if (typeof writer === "string") return;
      writer.object(5, 0);
      writer.payload(Buffer.from("frame"));
      writer.end();
      writer.finish();
    });
    return { update: () => {}, cancel: () => {} };
  },
};

const ignoring: UpstreamSink = {
  known: true,
  shared: () => false,
  info: () => {},
  started: () => {},
  subgroup: () => ({
    object: () => {},
    status: () => {},
    payload: () => {},
    end: () => {},
    finish: () => {},
    reset: () => {},
    onStop: () => {},
  }),
  datagram: () => {},
  dropped: () => {},
  ended: () => {},
  closed: () => {},
};
