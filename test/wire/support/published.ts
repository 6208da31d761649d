/** The installed copies of @moq/net: the codecs of another implementation. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Announcement, AnnounceResponse } from "../../../moq/wire/lite/announce.ts";
import type { Datagram } from "../../../moq/wire/lite/datagram.ts";
import type { GroupHeader } from "../../../moq/wire/lite/group.ts";
import type { OpeningRequest } from "../../../moq/wire/lite/requests.ts";
import type { Setup } from "../../../moq/wire/lite/setup.ts";
import type { SubscribeResponse, SubscribeUpdate } from "../../../moq/wire/lite/subscribe.ts";
import type { TrackInfo } from "../../../moq/wire/lite/track.ts";
import type { LiteVersion } from "../../../moq/wire/lite/versions.ts";
import { concat } from "./bytes.ts";

/** A message as the peer's codec writes and reads it, in our terms. Fields that a version lacks are their defaults. */
export interface Codec<T> {
  write(message: T, version: LiteVersion): Promise<Uint8Array>;
  read(bytes: Uint8Array, version: LiteVersion): Promise<T>;
}

export interface Published {
  readonly name: string;
  readonly versions: readonly LiteVersion[];
  readonly request: Codec<OpeningRequest>;
  readonly update: Codec<SubscribeUpdate>;
  readonly response: Codec<SubscribeResponse>;
  readonly announcement: Codec<Announcement>;
  readonly ok: Codec<AnnounceResponse & { kind: "ok" }>;
  readonly info: Codec<TrackInfo>;
  readonly group: Codec<GroupHeader>;
  readonly setup: Codec<Setup>;
  readonly datagram: Codec<Datagram>;
}

const ROOT = new URL("../../../", import.meta.url);

/** One copy of each release line that is installed, oldest first. */
export async function installed(): Promise<readonly Published[]> {
  const found = new Map<string, URL>();
  for (const file of globSync("node_modules/**/@moq/net/package.json", { cwd: fileURLToPath(ROOT) })) {
    const at = new URL(file, ROOT);
    const { version } = JSON.parse(readFileSync(at, "utf8")) as { version: string };
    const line = version.split(".").slice(0, 2).join(".");
    if (LINES.has(line) && !found.has(line)) found.set(line, at);
  }
  const lines = [...found].toSorted(([a], [b]) => a.localeCompare(b));
  return Promise.all(lines.map(([line, at]) => load(line, at)));
}

/** Versions that a release line supports under these names. */
const LINES: ReadonlyMap<string, readonly LiteVersion[]> = new Map([
  ["0.1", ["moq-lite-03", "moq-lite-04"]],
  ["0.2", ["moq-lite-03", "moq-lite-04", "moq-lite-05", "moq-lite-06-wip"]],
  ["0.3", ["moq-lite-03", "moq-lite-04", "moq-lite-05", "moq-lite-06-wip"]],
]);

/** The modules of one release line. The types of the lines are not compatible with each other. */
async function modules(line: string, manifest: URL) {
  const load = (name: string) => import(new URL(name, manifest).href);
  const names = ["announce", "subscribe", "track", "fetch", "probe", "goaway", "group", "setup", "stream", "version"];
  const [announce, subscribe, track, fetch, probe, goaway, group, setup, stream, version] = await Promise.all(
    names.map((name) => load(`lite/${name}.js`)),
  );
  const { Reader, Writer } = await load("stream.js");
  const modern = line !== "0.1";
  return {
    line,
    modern,
    Reader,
    Writer,
    ...{ announce, subscribe, track, fetch, probe, goaway, group, setup },
    AnnounceRequest: modern ? announce.AnnounceRequest : announce.AnnounceInterest,
    StreamId: stream.StreamId,
    DataType: stream.DataType ?? stream.DataId,
    datagram: modern ? await load("lite/datagram.js") : undefined,
    numbers: {
      "moq-lite-03": version.Version.DRAFT_03,
      "moq-lite-04": version.Version.DRAFT_04,
      "moq-lite-05": version.Version.DRAFT_05,
      "moq-lite-06-wip": version.Version.DRAFT_06,
      "moq-lite-06": undefined,
      "moqmesh-1": undefined,
    } as Readonly<Record<LiteVersion, number | undefined>>,
  };
}

type Modules = Awaited<ReturnType<typeof modules>>;
type TheirReader = InstanceType<Modules["Reader"]>;
type TheirWriter = InstanceType<Modules["Writer"]>;

/** A codec of what `encode` does with one of their writers and `decode` with one of their readers. */
function codec<T>(
  their: Modules,
  encode: (writer: TheirWriter, message: T, version: number | undefined) => Promise<unknown>,
  decode: (reader: TheirReader, version: number | undefined) => Promise<T>,
): Codec<T> {
  return {
    write: async (message, version) => {
      const parts: Uint8Array[] = [];
      const stream = new WritableStream({ write: (part: Uint8Array) => void parts.push(part.slice()) });
      const writer = new their.Writer(stream);
      await encode(writer, message, their.numbers[version]);
      writer.close();
      await writer.closed;
      return concat(...parts);
    },
    read: async (bytes, version) => {
      const reader = new their.Reader(undefined, bytes);
      const message = await decode(reader, their.numbers[version]);
      if (!(await reader.done())) throw new Error(`${their.line} leaves bytes unread`);
      return message;
    },
  };
}

async function load(line: string, manifest: URL): Promise<Published> {
  const their = await modules(line, manifest);
  return {
    name: line,
    versions: LINES.get(line) ?? [],
    request: requestCodec(their),
    update: codec(
      their,
      (writer, message, version) => new their.subscribe.SubscribeUpdate(range(message)).encode(writer, version),
      async (reader, version) => ours(await their.subscribe.SubscribeUpdate.decode(reader, version)),
    ),
    response: responseCodec(their),
    announcement: announcementCodec(their),
    ok: codec(
      their,
      (writer, { hop, active }, version) => new their.announce.AnnounceOk(hop, active).encode(writer, version),
      async (reader, version) => {
        const { origin: hop, active } = await their.announce.AnnounceOk.decode(reader, version);
        return { kind: "ok", hop, active };
      },
    ),
    info: codec(
      their,
      (writer, { maxLatency: latencyMax, ...rest }, version) =>
        new their.track.TrackInfo({ ...rest, latencyMax }).encode(writer, version),
      async (reader, version) => {
        const { priority, ordered, latencyMax, timescale } = await their.track.TrackInfo.decode(reader, version);
        return { epoch: 0n, priority, ordered, maxLatency: latencyMax, timescale };
      },
    ),
    group: codec(
      their,
      async (writer, { subscribe, sequence }) => {
        await writer.u53(their.DataType.Group);
        await new their.group.Group(BigInt(subscribe), sequence).encode(writer);
      },
      async (reader) => {
        expectType(await reader.u53(), their.DataType.Group);
        const { subscribe, sequence } = await their.group.Group.decode(reader);
        return { subscribe: Number(subscribe), sequence };
      },
    ),
    setup: setupCodec(their),
    datagram: {
      write: ({ subscribe, sequence, timestamp, payload }) => {
        const message = new their.datagram.Datagram(BigInt(subscribe), sequence, timestamp, payload);
        return Promise.resolve(message.encode());
      },
      read: async (bytes) => {
        const { subscribe, sequence, timestamp, payload } = await their.datagram.Datagram.decode(bytes);
        return { subscribe: Number(subscribe), sequence, timestamp, payload };
      },
    },
  };
}

function requestCodec(their: Modules): Codec<OpeningRequest> {
  const { StreamId } = their;
  return codec(
    their,
    async (writer, request, version) => {
      const [type, message] = theirRequest(their, request);
      await writer.u53(type);
      await message.encode(writer, version);
    },
    async (reader, version) => {
      const epoch = 0n;
      const type = await reader.u53();
      switch (type) {
        case StreamId.Announce: {
          const { prefix, excludeHop } = await their.AnnounceRequest.decode(reader, version);
          return { kind: "announce", prefix, excludeHop, ended: false };
        }
        case StreamId.Subscribe: {
          const message = await their.subscribe.Subscribe.decode(reader, version);
          const { id, broadcast: path, track } = message;
          return { kind: "subscribe", id: Number(id), path, track, epoch, ...ours(message) };
        }
        case StreamId.Fetch: {
          const { broadcast: path, track, priority, group } = await their.fetch.Fetch.decode(reader, version);
          return { kind: "fetch", path, track, epoch, priority, group };
        }
        case StreamId.Probe: {
          const { bitrate = 0, rtt = 0 } = await their.probe.Probe.decode(reader, version);
          return { kind: "probe", bitrate, rtt };
        }
        case StreamId.Goaway:
          return { kind: "goaway", uri: (await their.goaway.Goaway.decode(reader, version)).uri };
        default: {
          expectType(type, StreamId.Track);
          const { broadcast: path, track } = await their.track.Track.decode(reader, version);
          return { kind: "track", path, track, epoch };
        }
      }
    },
  );
}

interface TheirMessage {
  encode(writer: TheirWriter, version: number | undefined): Promise<void>;
}

/** The peer's message for a request of ours, after the stream type. */
function theirRequest(their: Modules, request: OpeningRequest): [type: number, message: TheirMessage] {
  const { StreamId } = their;
  switch (request.kind) {
    case "announce":
      return [StreamId.Announce, new their.AnnounceRequest(request.prefix, request.excludeHop)];
    case "subscribe": {
      const names = { id: BigInt(request.id), broadcast: request.path, track: request.track };
      return [StreamId.Subscribe, new their.subscribe.Subscribe({ ...range(request), ...names })];
    }
    case "fetch":
      return [StreamId.Fetch, new their.fetch.Fetch(request.path, request.track, request.priority, request.group)];
    case "probe": {
      const rtt = request.rtt || undefined;
      // Before 0.3 the bitrate is never unknown, and is the first field.
      const { Probe } = their.probe;
      if (their.line !== "0.3") return [StreamId.Probe, new Probe(request.bitrate, rtt)];
      return [StreamId.Probe, new Probe({ bitrate: request.bitrate || undefined, rtt })];
    }
    case "goaway":
      return [StreamId.Goaway, new their.goaway.Goaway(request.uri)];
    case "track":
      return [StreamId.Track, new their.track.Track(request.path, request.track)];
    case "pushed":
      throw new Error("between relays only");
  }
}

function responseCodec(their: Modules): Codec<SubscribeResponse> {
  const { SubscribeOk, SubscribeStart, SubscribeEnd, SubscribeDrop, ...functions } = their.subscribe;
  const theirs = (message: SubscribeResponse): object => {
    switch (message.kind) {
      case "ok":
        return { ok: new SubscribeOk(range(message)) };
      case "start":
        return { start: new SubscribeStart(message.group) };
      case "end":
        return { end: new SubscribeEnd(message.group) };
      case "drop":
        return { drop: new SubscribeDrop({ start: message.start, end: message.end, error: message.code }) };
      case "info":
        throw new Error("not in moq-lite");
    }
  };
  return codec(
    their,
    (writer, message, version) => functions.encodeSubscribeResponse(writer, theirs(message), version),
    async (reader, version) => {
      const { ok, start, end, drop } = await functions.decodeSubscribeResponse(reader, version);
      if (ok !== undefined) return { kind: "ok", ...ours(ok) };
      if (drop !== undefined) return { kind: "drop", start: drop.start, end: drop.end, code: drop.error };
      return start === undefined ? { kind: "end", group: end.group } : { kind: "start", group: start.group };
    },
  );
}

function announcementCodec(their: Modules): Codec<Announcement> {
  const { announce } = their;
  if (!their.modern) {
    return codec(
      their,
      (writer, message, version) =>
        new announce.Announce({ ...message, active: message.kind === "start" }).encode(writer, version),
      async (reader, version) => {
        const { active, suffix, hops } = await announce.Announce.decode(reader, version);
        return active ? { kind: "start", suffix, hops, ...UNSAID } : { kind: "end", suffix };
      },
    );
  }
  return codec(
    their,
    (writer, message, version) => announce.encodeAnnounceBroadcast(writer, theirAnnouncement(message), version),
    async (reader, version) => {
      const { status, id, suffix, hops, cost } = await announce.decodeAnnounceBroadcast(reader, version);
      switch (status) {
        case "active":
          return { kind: "start", suffix, hops, ...UNSAID, cost: Number(cost ?? 0n) };
        case "ended":
          return { kind: "end", suffix };
        case "endedId":
          return { kind: "end", id: Number(id) };
        default:
          return { kind: "update", id: Number(id), hops, ...UNSAID, cost: Number(cost) };
      }
    },
  );
}

function theirAnnouncement(message: Announcement): object {
  switch (message.kind) {
    case "start":
      return { status: "active", suffix: message.suffix, hops: message.hops, cost: BigInt(message.cost) };
    case "end":
      if (message.id === undefined) return { status: "ended", suffix: message.suffix };
      return { status: "endedId", id: BigInt(message.id) };
    case "update":
      return { status: "restart", id: BigInt(message.id ?? -1), hops: message.hops, cost: BigInt(message.cost) };
  }
}

const ROLES = ["both", "publisher", "subscriber"] as const;

function setupCodec(their: Modules): Codec<Setup> {
  return codec(
    their,
    async (writer, { probe, path, role, origin }, version) => {
      await writer.u53(their.DataType.Setup);
      await new their.setup.Setup({ probe, path, role: ROLES.indexOf(role), origin }).encode(writer, version);
    },
    async (reader, version) => {
      expectType(await reader.u53(), their.DataType.Setup);
      const { probe, path, role, origin } = await their.setup.Setup.decode(reader, version);
      return {
        probe,
        role: ROLES[role as 0 | 1 | 2],
        ...(path === undefined ? {} : { path }),
        ...(origin === undefined ? {} : { origin }),
      };
    },
  );
}

function expectType(type: number, expected: number): void {
  if (type !== expected) throw new Error(`stream type ${type} instead of ${expected}`);
}

/** Fields of announcements that no release has. */
const UNSAID = { epoch: 0n, ended: false, cost: 0 } as const;

function range({ priority, ordered, maxLatency, start, end }: SubscribeUpdate): object {
  return { priority, ordered, maxLatency, startGroup: start, endGroup: end };
}

function ours(message: {
  priority: number;
  ordered: boolean;
  maxLatency: number;
  startGroup?: number;
  endGroup?: number;
}): SubscribeUpdate {
  const { priority, ordered, maxLatency, startGroup, endGroup } = message;
  return {
    priority,
    ordered,
    maxLatency,
    ...(startGroup === undefined ? {} : { start: startGroup }),
    ...(endGroup === undefined ? {} : { end: endGroup }),
  };
}
