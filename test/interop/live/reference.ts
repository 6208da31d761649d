/** Our own publisher and viewer: the other end of a peer. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Source,
  type SubgroupWriter,
  type SubscribeOptions,
  type UpstreamSink,
  wholeGroup,
} from "../../../moq/model/index.ts";
import { protocols } from "../../../moq/session/index.ts";
import { type Client, connect } from "../../../relay/client/index.ts";
import type { End, SeenObject } from "./contract.ts";

/** The version that they speak to our relay: one that few peers know, so that the relay can be kept to one version besides it. */
export const REFERENCE_PROTOCOL = "moq-lite-06-wip";

/** At relays of others they take what there is. */
const PROTOCOLS = [REFERENCE_PROTOCOL, ...protocols([])];
const TIMEOUT_MS = 5_000;
/** Milliseconds for an announcement. */
const ANNOUNCED_MS = 1_000;
const LOOK_MS = 20;

const GROUP_MS = 120;
const OBJECTS_PER_GROUP = 5;
const EVERYTHING: SubscribeOptions = { priority: 128, ordered: false, maxLatency: 10_000 };

/** Timestamps are milliseconds. */
const INFO = { priority: 0, ordered: false, maxLatency: 10_000, timescale: 1_000 };

/** A session with a relay. `announcePrefix`: the prefix under which announcements are asked for. */
export async function dial(url: URL, announcePrefix?: string): Promise<Client> {
  const asked = announcePrefix === undefined ? { announcements: false } : { announcePrefix };
  return await connect(url, { trust: { kind: "insecure" }, timeoutMs: TIMEOUT_MS, protocols: PROTOCOLS, ...asked });
}

function seen(group: number, object: number, payload: Uint8Array): SeenObject {
  return { group, object, size: payload.length, sha256: createHash("sha256").update(payload).digest("hex") };
}

/** Publishes a track of groups of five objects, from a few bytes to many packets, until it is stopped. */
export async function referencePublisher(url: URL, path: string, track: string): Promise<End> {
  const objects: SeenObject[] = [];
  const sinks = new Set<UpstreamSink>();
  const source: Source = {
    hasInfo: true,
    info: (_path, name, answer) => {
      answer(name === track ? INFO : "not_found");
      return () => {};
    },
    subscribe: (_path, name, _options, sink) => {
      if (name === track) sinks.add(sink);
      else queueMicrotask(() => sink.closed("not_found"));
      return { update: () => {}, cancel: () => void sinks.delete(sink) };
    },
    fetch: (_path, _track, _range, _priority, writer) => {
      writer.reset("unsupported");
      return () => {};
    },
  };
  const client = await dial(url);
  client.publish(path, source);
  let group = 0;
  const sending = setInterval(() => {
    if (sinks.size === 0) return;
    const payloads = Array.from({ length: OBJECTS_PER_GROUP }, (_, object) => payloadOf(group, object));
    objects.push(...payloads.map((payload, object) => seen(group, object, payload)));
    for (const sink of sinks) writeGroup(sink, group, payloads);
    group++;
  }, GROUP_MS);
  return ending(client, objects, () => clearInterval(sending));
}

function payloadOf(group: number, object: number): Buffer {
  return Buffer.from(`group ${group} object ${object}.`.padEnd(30 + 3_000 * object, "x"));
}

function writeGroup(sink: UpstreamSink, group: number, payloads: readonly Uint8Array[]): void {
  const writer = sink.subgroup(wholeGroup(group));
  if (typeof writer === "string") return;
  for (const [object, payload] of payloads.entries()) {
    writer.object(payload.length, group * GROUP_MS + object);
    writer.payload(payload);
    writer.end();
  }
  writer.finish();
}

/** Resolves when the broadcast is announced, or is not within `ms`. Gives whether it is. */
export async function announced(url: URL, path: string, ms: number): Promise<boolean> {
  const client = await dial(url, path);
  for (let waited = 0; !client.isLive(path) && waited < ms; waited += LOOK_MS) await sleep(LOOK_MS);
  const live = client.isLive(path);
  await client.close();
  return live;
}

/** Watches a track from the newest group on, until it is stopped. Subscribes when the broadcast is announced, or was not in a second. */
export async function referenceViewer(url: URL, path: string, track: string): Promise<End> {
  const objects: SeenObject[] = [];
  let closed: string | undefined;
  const client = await dial(url, path);
  for (let waited = 0; !client.isLive(path) && waited < ANNOUNCED_MS; waited += LOOK_MS) await sleep(LOOK_MS);
  const sink: UpstreamSink = {
    info: () => {},
    started: () => {},
    subgroup: ({ group }) => new Recorder(group, objects),
    datagram: ({ group, object, payload }) => void objects.push(seen(group, object, payload)),
    dropped: () => {},
    ended: () => {},
    closed: (reason) => {
      closed = `the relay ended the subscription (${reason ?? "cleanly"})`;
    },
  };
  client.subscribe(path, track, EVERYTHING, sink);
  return ending(
    client,
    objects,
    () => {},
    () => closed,
  );
}

/** An end over a session, which has failed when `failed` says so or the session is lost. */
export function ending(
  client: Client,
  objects: readonly SeenObject[],
  stop: () => void,
  failed: () => string | undefined = () => undefined,
): End {
  let lost: string | undefined;
  void client.closed.then(({ reason, message }) => {
    lost = `the relay ended the session (${reason} ${message})`;
  });
  return {
    objects,
    get failure() {
      return failed() ?? lost;
    },
    stop: async () => {
      stop();
      await client.close();
    },
  };
}

/** Takes the objects of a group, each when it is whole. */
class Recorder implements SubgroupWriter {
  readonly #group: number;
  readonly #into: SeenObject[];
  #object = -1;
  #payload: Uint8Array[] = [];

  constructor(group: number, into: SeenObject[]) {
    this.#group = group;
    this.#into = into;
  }

  object(_size: number, _timestamp: number | undefined, id = this.#object + 1): void {
    this.#object = id;
    this.#payload = [];
  }

  payload(bytes: Uint8Array): void {
    this.#payload.push(bytes.slice());
  }

  end(): void {
    this.#into.push(seen(this.#group, this.#object, Buffer.concat(this.#payload)));
  }

  status(): void {}
  finish(): void {}
  reset(): void {}
  onStop(): void {}
}
