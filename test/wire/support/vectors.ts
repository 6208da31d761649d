/** Messages and their bytes in every version, written down by hand from the draft and from what clients send. */
import { type Announcement, encodeAnnouncement, encodeAnnounceOk } from "../../../moq/wire/lite/announce.ts";
import { encodeGroupStream } from "../../../moq/wire/lite/group.ts";
import { encodeProbe } from "../../../moq/wire/lite/probe.ts";
import { encodeRequest, type OpeningRequest } from "../../../moq/wire/lite/requests.ts";
import { encodeSetupStream, type Setup } from "../../../moq/wire/lite/setup.ts";
import {
  encodeSubscribeResponse,
  encodeSubscribeUpdate,
  type SubscribeResponse,
  type SubscribeUpdate,
} from "../../../moq/wire/lite/subscribe.ts";
import { encodeTrackInfo, type TrackInfo } from "../../../moq/wire/lite/track.ts";
import type { Capabilities, LiteVersion } from "../../../moq/wire/lite/versions.ts";
import { bytes, capsOf, concat } from "./bytes.ts";
import type { StreamKind } from "./read.ts";

export interface Vector {
  readonly name: string;
  readonly caps: Capabilities;
  readonly stream: StreamKind;
  /** Bytes that must precede the message on the stream, and the messages that they are. */
  readonly before: Uint8Array;
  readonly first: readonly unknown[];
  readonly bytes: Uint8Array;
  /** The message that is read from the bytes. */
  readonly message: unknown;
  /** The message that we write; absent where we only read. */
  readonly encode?: () => Uint8Array;
}

const V3: LiteVersion[] = ["moq-lite-03"];
const V4: LiteVersion[] = ["moq-lite-04"];
const V5: LiteVersion[] = ["moq-lite-05"];
const V6: LiteVersion[] = ["moq-lite-06"];
const V7: LiteVersion[] = ["moq-lite-07-wip"];
const WIP: LiteVersion[] = ["moq-lite-06-wip"];
const MESH_1: LiteVersion[] = ["moqmesh-1"];
const MESH_2: LiteVersion[] = ["moqmesh-2"];
const MESH: LiteVersion[] = [...MESH_1, ...MESH_2];
const V45 = [...V4, ...V5];
const V34 = [...V3, ...V4];
const V345 = [...V34, ...V5];
const V5W = [...V5, ...WIP];
const V5WM = [...V5W, ...MESH];
const V56WM = [...V5WM, ...V6];
const V345W = [...V345, ...WIP];
const WM = [...WIP, ...MESH];
const SINCE_6 = [...V6, ...WM];
const WM1 = [...WIP, ...MESH_1];
const NOT_6 = [...V345, ...WM1];

/** Versions, their bytes, and the fields that they lose. */
type Row = readonly [versions: readonly LiteVersion[], hex: string, lost?: object];

/** Expands the rows of one message. */
function rows<T extends object>(
  name: string,
  stream: StreamKind,
  message: T,
  encode: ((message: T, caps: Capabilities) => Uint8Array) | undefined,
  table: readonly Row[],
): Vector[] {
  return table.flatMap(([versions, hex, lost]) =>
    versions.map((version) => {
      const caps = capsOf(version);
      return {
        name: `${name} in ${version}`,
        caps,
        stream,
        before: bytes(""),
        first: [],
        bytes: bytes(hex),
        message: { ...message, ...lost },
        ...(encode === undefined ? {} : { encode: () => encode(message, caps) }),
      };
    }),
  );
}

function request(name: string, message: OpeningRequest, table: readonly Row[]): Vector[] {
  return rows(name, "request", message, encodeRequest, table);
}

/** The stream begins with ANNOUNCE_OK of hop 7, where the version has it. */
function announcement(name: string, message: Announcement, table: readonly Row[], writes = true): Vector[] {
  return rows(name, "announce", message, writes ? encodeAnnouncement : undefined, table).map((vector) =>
    vector.caps.announceOk
      ? { ...vector, before: bytes("02 07 00"), first: [{ kind: "ok", hop: 7n, active: 0 }] }
      : vector,
  );
}

function response(name: string, message: SubscribeResponse, table: readonly Row[]): Vector[] {
  return rows(name, "subscribe", message, encodeSubscribeResponse, table);
}

function emptySubscribe({ epochs, frameRanges, groupOrder, objects }: Capabilities): Uint8Array {
  const fields = 4 + (epochs ? 1 : 0) + (groupOrder ? 1 : 0) + (frameRanges ? 2 : 0) + (objects ? 1 : 0);
  return concat(Uint8Array.of(2, 5 + fields), bytes("00 01 61 01 62"), new Uint8Array(fields));
}

/** The stream begins with an empty SUBSCRIBE. */
function update(name: string, message: SubscribeUpdate, table: readonly Row[]): Vector[] {
  const plain = {
    kind: "subscribe",
    id: 0,
    path: "a",
    track: "b",
    epoch: 0n,
    priority: 0,
    ordered: false,
    maxLatency: 0,
  };
  return rows(name, "request", { kind: "subscribeUpdate" as const, ...message }, encodeSubscribeUpdate, table).map(
    (vector) => ({
      ...vector,
      before: emptySubscribe(vector.caps),
      first: [plain],
    }),
  );
}

function setup(name: string, message: Setup, hex: string): Vector[] {
  const encode = ({ kind: _, ...fields }: Setup & { kind: "setup" }, caps: Capabilities) =>
    encodeSetupStream(fields, caps);
  return rows(name, "uni", { kind: "setup" as const, ...message }, encode, [[V56WM, hex]]);
}

const HOPS = [1n, 300n];
const PATH = "06 6c6976652f61";
const TRACK = "05 766964656f";

const ANNOUNCE: Vector[] = [
  ...request("ANNOUNCE_REQUEST", { kind: "announce", prefix: "live", excludeHop: 0x1234n, ended: true }, [
    [V3, "01 05 04 6c697665", { excludeHop: 0n, ended: false }],
    [V45, "01 07 04 6c697665 5234", { ended: false }],
    [[...WIP, ...V6], "01 05 04 6c697665", { excludeHop: 0n, ended: false }],
    [MESH, "01 06 04 6c697665 01", { excludeHop: 0n }],
  ]),
  ...request("ANNOUNCE_REQUEST for everything", { kind: "announce", prefix: "", excludeHop: 0n, ended: false }, [
    [V3, "01 01 00"],
    [V45, "01 02 00 00"],
    [[...WIP, ...V6], "01 01 00"],
    [MESH, "01 02 00 00"],
  ]),
  ...rows(
    "ANNOUNCE_OK",
    "announce",
    { kind: "ok" as const, hop: 2n ** 62n - 1n, active: 70 },
    ({ hop, active }, caps) => encodeAnnounceOk({ hop, active }, caps),
    [[V56WM, "0a ffffffffffffffff 4046"]],
  ),
  ...announcement("a start", { kind: "start", suffix: "a", hops: HOPS, epoch: 5n, ended: true, cost: 3 }, [
    [V3, "04 01 01 61 02", { hops: [0n, 0n], epoch: 0n, ended: false, cost: 0 }],
    [V45, "07 01 01 61 02 01 412c", { epoch: 0n, ended: false, cost: 0 }],
    [WIP, "00 07 01 61 02 01 412c 03", { epoch: 0n, ended: false }],
    [MESH, "00 09 01 61 05 01 02 01 412c 03"],
  ]),
  ...announcement(
    "a start with two costs",
    { kind: "start", suffix: "a", hops: [...HOPS, 0n, 0n], epoch: 0n, ended: false, cost: 3, coldCost: 70 },
    [[V6, "00 0b 01 61 04 01 412c 00 00 03 4046"]],
  ),
  ...announcement(
    "a start whose costs are the largest",
    { kind: "start", suffix: "", hops: [], epoch: 0n, ended: false, cost: 2 ** 53 - 1, coldCost: 2 ** 53 - 1 },
    [[V6, "00 12 00 00 ffffffffffffffff ffffffffffffffff"]],
  ),
  ...announcement(
    "a start of the prefix itself",
    { kind: "start", suffix: "", hops: [], epoch: 0n, ended: false, cost: 0 },
    [
      [V345, "03 01 00 00"],
      [WIP, "00 03 00 00 00"],
      [MESH, "00 05 00 00 00 00 00"],
    ],
  ),
  ...announcement("an end by suffix", { kind: "end", suffix: "a" }, [[V345, "04 00 01 61 00"]]),
  ...announcement("an end by suffix with hops", { kind: "end", suffix: "a" }, [[V45, "05 00 01 61 01 09"]], false),
  ...announcement("an end by id", { kind: "end", id: 300 }, [[SINCE_6, "01 02 412c"]]),
  ...announcement("an update by id", { kind: "update", id: 9, hops: [1n], epoch: 6n, ended: true, cost: 0 }, [
    [WIP, "02 04 09 01 01 00", { epoch: 0n, ended: false }],
    [MESH, "02 06 09 06 01 01 01 00"],
  ]),
  ...announcement(
    "an update with two costs",
    { kind: "update", id: 9, hops: [1n], epoch: 0n, ended: false, cost: 0, coldCost: 1 },
    [[V6, "02 05 09 01 01 00 01"]],
  ),
  ...announcement("a repeated start", { kind: "start", suffix: "a", hops: [1n], epoch: 0n, ended: false, cost: 0 }, [
    [V5, "05 01 01 61 01 01"],
  ]),
  ...announcement(
    "an update by suffix",
    { kind: "update", suffix: "a", hops: [1n], epoch: 0n, ended: false, cost: 0 },
    [[V5, "05 02 01 61 01 01"]],
    false,
  ),
];

const INFO: TrackInfo = { epoch: 9n, priority: 2, ordered: false, maxLatency: 5000, timescale: 90_000 };

const SUBSCRIBE: Vector[] = [
  ...request(
    "SUBSCRIBE",
    {
      kind: "subscribe",
      id: 5,
      path: "live/a",
      track: "video",
      epoch: 9n,
      priority: 200,
      ordered: true,
      maxLatency: 1500,
      start: 10,
    },
    [
      [V345W, `02 14 05 ${PATH} ${TRACK} c8 01 45dc 0b 00`, { epoch: 0n }],
      [MESH_1, `02 15 05 ${PATH} ${TRACK} 09 c8 01 45dc 0b 00`],
      [MESH_2, `02 18 05 ${PATH} ${TRACK} 09 c8 01 45dc 0b 00 00 00 00`],
      [V6, `02 15 05 ${PATH} ${TRACK} c8 45dc 0a 00 00 00`, { epoch: 0n, ordered: false }],
    ],
  ),
  ...request(
    "SUBSCRIBE of one frame",
    {
      kind: "subscribe",
      id: 5,
      path: "live/a",
      track: "video",
      epoch: 0n,
      priority: 200,
      ordered: false,
      maxLatency: 0,
      start: 10,
      end: 10,
      startFrame: 4,
      endFrame: 4,
    },
    [[V6, `02 14 05 ${PATH} ${TRACK} c8 00 0a 0b 04 05`]],
  ),
  ...update("SUBSCRIBE_UPDATE", { priority: 1, ordered: false, maxLatency: 0, end: 4 }, [
    [NOT_6, "05 01 00 00 00 05"],
    [MESH_2, "08 01 00 00 00 05 00 00 00"],
    [V6, "06 01 00 00 05 00 00"],
  ]),
  ...update("SUBSCRIBE_UPDATE from group 0", { priority: 255, ordered: true, maxLatency: 63, start: 0, end: 0 }, [
    [NOT_6, "05 ff 01 3f 01 01"],
    [MESH_2, "08 ff 01 3f 01 01 00 00 00"],
  ]),
  ...update(
    "SUBSCRIBE_UPDATE that is paused, from the object after the newest one on, to an object",
    {
      priority: 0,
      ordered: false,
      maxLatency: 0,
      end: 9,
      endFrame: 300,
      join: "next_object",
      forward: false,
    },
    [[MESH_2, "09 00 00 00 00 0a 00 412d 05"]],
  ),
  ...update(
    "SUBSCRIBE_UPDATE with a floor and frames at both ends",
    { priority: 255, ordered: false, maxLatency: 63, start: 70, end: 71, startFrame: 3, endFrame: 300 },
    [[V6, "09 ff 3f 4046 4048 03 412d"]],
  ),
  ...update("SUBSCRIBE_UPDATE from a frame of group 0", { priority: 0, ordered: false, maxLatency: 0, startFrame: 1 }, [
    [V6, "06 00 00 00 00 01 00"],
  ]),
  ...response("SUBSCRIBE_OK", { kind: "ok", priority: 128, ordered: true, maxLatency: 0, start: 3 }, [
    [V34, "00 05 80 01 00 04 00"],
  ]),
  ...response("SUBSCRIBE_OK", { kind: "start", group: 300 }, [[V56WM, "00 02 412c"]]),
  ...response("SUBSCRIBE_INFO", { kind: "info", info: INFO, largest: { group: 7, object: 300 } }, [
    [MESH_2, "03 0d 09 02 00 5388 80015f90 00 08 412c"],
  ]),
  ...response("SUBSCRIBE_INFO of a track without objects", { kind: "info", info: INFO, largest: undefined }, [
    [MESH_2, "03 0b 09 02 00 5388 80015f90 00 00"],
  ]),
  ...response("SUBSCRIBE_END before any group", { kind: "end", group: 0 }, [[V56WM, "01 01 00"]]),
  ...response("SUBSCRIBE_DROP", { kind: "drop", start: 2, end: 3, code: 7 }, [
    [V34, "01 03 02 03 07"],
    [V56WM, "02 03 02 03 07"],
  ]),
];

const REST: Vector[] = [
  ...request("TRACK", { kind: "track", path: "live/a", track: "video", epoch: 9n }, [
    [[...V5W, ...V6], `06 0d ${PATH} ${TRACK}`, { epoch: 0n }],
    [MESH, `06 0e ${PATH} ${TRACK} 09`],
  ]),
  ...rows("TRACK_INFO", "track", INFO, encodeTrackInfo, [
    [V5W, "08 02 00 5388 80015f90", { epoch: 0n }],
    [MESH_1, "09 09 02 00 5388 80015f90"],
    [MESH_2, "0a 09 02 00 5388 80015f90 00"],
    [V6, "07 02 5388 80015f90", { epoch: 0n }],
  ]),
  ...rows("TRACK_INFO with properties", "track", { ...INFO, properties: bytes("aabb") }, encodeTrackInfo, [
    [MESH_2, "0c 09 02 00 5388 80015f90 03 aabb"],
  ]),
  ...request("FETCH", { kind: "fetch", path: "live/a", track: "video", epoch: 9n, priority: 7, group: 70 }, [
    [V345W, `03 10 ${PATH} ${TRACK} 07 4046`, { epoch: 0n }],
    [MESH_1, `03 11 ${PATH} ${TRACK} 09 07 4046`],
    [MESH_2, `03 15 ${PATH} ${TRACK} 09 07 4046 00 00 00 00`],
    [V6, `03 12 ${PATH} ${TRACK} 07 4046 00 00`, { epoch: 0n }],
  ]),
  ...request(
    "FETCH of some frames",
    {
      kind: "fetch",
      path: "live/a",
      track: "video",
      epoch: 0n,
      priority: 7,
      group: 70,
      startFrame: 2,
      endFrame: 6,
    },
    [[V6, `03 12 ${PATH} ${TRACK} 07 4046 02 07`]],
  ),
  ...request(
    "FETCH of objects of several groups, the highest first",
    {
      kind: "fetch",
      path: "live/a",
      track: "video",
      epoch: 0n,
      priority: 7,
      group: 70,
      startFrame: 9,
      endFrame: 6,
      endGroup: 72,
      descending: true,
    },
    [[MESH_2, `03 15 ${PATH} ${TRACK} 00 07 4046 09 07 02 01`]],
  ),
  ...request("PROBE of a subscriber", { kind: "probe", bitrate: 1_000_000, rtt: 40 }, [
    [V3, "04 04 800f4240", { rtt: 0 }],
    [[...V45, ...SINCE_6], "04 05 800f4240 28"],
  ]),
  ...rows("PROBE of a publisher", "probe", { bitrate: 0, rtt: 40 }, encodeProbe, [
    [V3, "01 00", { rtt: 0 }],
    [[...V45, ...SINCE_6], "02 00 28"],
  ]),
  ...request("GOAWAY", { kind: "goaway", uri: "https://x" }, [[[...V45, ...SINCE_6], "05 0a 09 68747470733a2f2f78"]]),
  ...request("GOAWAY to nowhere", { kind: "goaway", uri: "" }, [[[...V45, ...SINCE_6], "05 01 00"]]),
  ...rows(
    "GROUP",
    "uni",
    { kind: "group" as const, subscribe: 5, sequence: 2 ** 53 - 1 },
    (message, caps) => encodeGroupStream(caps, message),
    [
      [NOT_6, "00 09 05 c01fffffffffffff"],
      [V6, "00 0a 05 c01fffffffffffff 00"],
    ],
  ),
  ...rows(
    "GROUP of a subgroup",
    "uni",
    {
      kind: "group" as const,
      subscribe: 5,
      sequence: 7,
      subgroup: { id: 300, firstObject: true, endsGroup: false, priority: 200 },
    },
    (message, caps) => encodeGroupStream(caps, message),
    [[MESH_2, "00 06 05 07 412c 05 c8"]],
  ),
  ...rows(
    "GROUP of the rest of a subgroup",
    "uni",
    { kind: "group" as const, subscribe: 5, sequence: 7, subgroup: { id: 0, firstObject: false, endsGroup: true } },
    (message, caps) => encodeGroupStream(caps, message),
    [[MESH_2, "00 04 05 07 00 02"]],
  ),
  ...rows(
    "GROUP from a frame on",
    "uni",
    { kind: "group" as const, subscribe: 5, sequence: 7, firstFrame: 300 },
    (message, caps) => encodeGroupStream(caps, message),
    [[V6, "00 04 05 07 412c"]],
  ),
  ...setup("SETUP of nothing", { probe: 0, role: "both" }, "01 01 00"),
  ...setup(
    "SETUP of everything",
    { probe: 1, role: "subscriber", path: "/p?jwt=x", cost: 0, origin: 300n },
    "01 18 05 01 01 01 02 08 2f703f6a77743d78 03 01 02 04 01 00 05 02 412c",
  ),
];

/** What 07 has beyond 06, or writes in another way. */
const V7_VECTORS: Vector[] = [
  ...request("ANNOUNCE_REQUEST", { kind: "announce", prefix: "live", excludeHop: 0n, ended: false }, [
    [V7, "01 06 04 6c697665 00"],
  ]),
  ...request(
    "ANNOUNCE_REQUEST with hidden names",
    { kind: "announce", prefix: "", excludeHop: 0n, ended: false, hidden: true },
    [[V7, "01 02 00 01"]],
  ),
  ...rows(
    "ANNOUNCE_OK",
    "announce",
    { kind: "ok" as const, hop: 2n ** 62n - 1n, active: 70 },
    ({ hop, active }, caps) => encodeAnnounceOk({ hop, active }, caps),
    [[V7, "0a ff3fffffffffffffff 46"]],
  ),
  ...announcement(
    "a start with two costs",
    { kind: "start", suffix: "a", hops: [...HOPS, 0n, 0n], epoch: 0n, ended: false, cost: 3, coldCost: 70 },
    [[V7, "00 0e 00 00 01 61 00 04 01 812c 00 00 00 03 46"]],
  ),
  ...announcement("an update", { kind: "update", id: 9, hops: [1n], epoch: 0n, ended: false, cost: 0, coldCost: 1 }, [
    [V7, "02 07 09 00 01 01 00 00 01"],
  ]),
  ...request(
    "SUBSCRIBE",
    {
      kind: "subscribe",
      id: 5,
      path: "live/a",
      track: "video",
      epoch: 0n,
      priority: 200,
      ordered: false,
      maxLatency: 1500,
      start: 10,
    },
    [[V7, `02 15 05 ${PATH} ${TRACK} c8 85dc 0a 00 00 00`]],
  ),
  ...response("SUBSCRIBE_OK", { kind: "start", group: 300 }, [[V7, "00 02 812c"]]),
  ...response("SUBSCRIBE_END", { kind: "end", group: 70, streams: 300 }, [[V7, "01 03 46 812c"]]),
  ...request("TRACK", { kind: "track", path: "live/a", track: "video", epoch: 0n }, [[V7, `06 0d ${PATH} ${TRACK}`]]),
  ...rows("TRACK_INFO", "track", { ...INFO, epoch: 0n }, encodeTrackInfo, [[V7, "06 02 9388 c15f90"]]),
  ...request("PROBE of a subscriber", { kind: "probe", bitrate: 1_000_000, rtt: 40 }, [[V7, "04 04 cf4240 28"]]),
  ...rows("PROBE of a publisher", "probe", { bitrate: 0, rtt: 40 }, encodeProbe, [[V7, "02 00 28"]]),
  ...rows(
    "GROUP",
    "uni",
    { kind: "group" as const, subscribe: 5, sequence: 2 ** 53 - 1 },
    (message, caps) => encodeGroupStream(caps, message),
    [[V7, "00 0a 05 fe1fffffffffffff 00"]],
  ),
  ...rows(
    "SETUP",
    "uni",
    { kind: "setup" as const, probe: 0 as const, role: "both" as const, cost: 100, origin: 300n },
    ({ kind: _, ...fields }, caps) => encodeSetupStream(fields, caps),
    [[V7, "01 08 02 04 01 64 05 02 812c"]],
  ),
];

export const VECTORS: readonly Vector[] = [...ANNOUNCE, ...SUBSCRIBE, ...REST, ...V7_VECTORS];

/** The stream of a vector. */
export function streamOf(vector: Vector): Uint8Array {
  return concat(vector.before, vector.bytes);
}
