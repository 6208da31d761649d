/**
 * The versions of moq-lite, and the only file that knows their numbers. All other code asks for a named capability.
 *
 * 03 to 06 are what published clients speak under those names. Older clients also offer `moq-lite-05-wip`, which is another
 * protocol and is not supported here.
 */
import { LEADING_ONES_VARINTS, QUIC_VARINTS, type VarintCodec } from "../codec/index.ts";

/** Supported by default, best first. */
export const STABLE_PROTOCOLS = ["moq-lite-06", "moq-lite-05", "moq-lite-04", "moq-lite-03"] as const;

/** Spoken only where the configuration names them. */
export const EXPERIMENTAL_PROTOCOLS = ["moq-lite-07-wip", "moq-lite-06-wip"] as const;

/** Newest first. A relay offers the newest two, so that a mesh is upgraded one relay at a time. */
const MESH = ["moqmesh-2", "moqmesh-1"] as const;

/** Supported between the relays of one mesh, and never with a client. They have a version number of their own. */
export const MESH_PROTOCOLS: readonly string[] = MESH;

/** All supported versions, newest first. */
export const LITE_VERSIONS = [...MESH, ...EXPERIMENTAL_PROTOCOLS, ...STABLE_PROTOCOLS] as const;

export type LiteVersion = (typeof LITE_VERSIONS)[number];

/** What a version of moq-lite can do, and how it writes some messages. */
export interface Capabilities {
  /** The protocol id that was negotiated. */
  readonly protocol: LiteVersion;
  /** Each side opens a Setup Stream with one SETUP. */
  readonly setupStream: boolean;
  /** ANNOUNCE_OK comes first on announce streams, and hop lists leave the sender out. */
  readonly announceOk: boolean;
  /** Announcements have a type and an implicit id, to which ends and updates refer. */
  readonly announceIds: boolean;
  /**
   * Without ids: a second announcement of a live path replaces the first. Where this is false as well, a path must be ended before it is
   * announced again, or published clients end the stream.
   */
  readonly announceRepeat: boolean;
  /** Announcements, SUBSCRIBE, TRACK, FETCH and TRACK_INFO carry an epoch. */
  readonly epochs: boolean;
  /** ANNOUNCE_REQUEST and announcements carry the ended flag. */
  readonly ended: boolean;
  /** ANNOUNCE_REQUEST carries the asker's hop id. */
  readonly excludeHop: boolean;
  /** Announcements list hop ids. Without this they only have the number of hops. */
  readonly hopIds: boolean;
  /** Announcements carry a route cost. */
  readonly routeCost: boolean;
  /** Announcements carry a second cost, of the route as if no relay on it carried the content yet. */
  readonly coldCost: boolean;
  /** An announcement is a route to every path under its prefix, and not one broadcast. */
  readonly prefixRoutes: boolean;
  /** What breaks the rules of Announce Streams ends the session, also a hop id that is twice in a list. Else it ends the stream. */
  readonly strictAnnounce: boolean;
  /**
   * The first hop of a route stands for the content: a subscription ends when the path gets a publisher with another first hop, and group
   * numbers are the publisher's own.
   */
  readonly firstHopIdentity: boolean;
  /** PROBE carries a round-trip time. */
  readonly probeRtt: boolean;
  /** There are Goaway Streams. */
  readonly goaway: boolean;
  /** A second GOAWAY ends the session, and so does a URI in the GOAWAY of a client. */
  readonly strictGoaway: boolean;
  /** Track properties are asked for on Track Streams. */
  readonly trackStream: boolean;
  /** Frames carry timestamps. */
  readonly timestamps: boolean;
  /** Single-frame groups may travel as QUIC datagrams. */
  readonly datagrams: boolean;
  /** SUBSCRIBE, SUBSCRIBE_UPDATE and FETCH carry a range of frames, and GROUP the index of its first frame. */
  readonly frameRanges: boolean;
  /** SUBSCRIBE, SUBSCRIBE_UPDATE, SUBSCRIBE_OK and TRACK_INFO carry the ordered flag. */
  readonly groupOrder: boolean;
  /**
   * Group Start is the lowest group that may be sent, and the subscription begins with the oldest group from there on that is younger than
   * the subscriber's Max Age. Without this it is the first group, and absent for the newest one.
   */
  readonly groupFloor: boolean;
  /**
   * Objects are those of moq-transport: a stream is a subgroup, and objects have ids, properties and statuses. SUBSCRIBE says how it begins,
   * whether it is paused, and whether a new group is wished for; its answer has the track's properties and newest object, and FETCH asks for a range of objects.
   */
  readonly objects: boolean;
  /** A relay tells another one which tracks are pushed to it, on Pushed Streams. A relay of an earlier version resets them. */
  readonly pushedTracks: boolean;
  /** Codes that reset a stream are other ones than those that close a session. */
  readonly twoRegistries: boolean;
  /** A request for a path without a route is refused soon: what is not refused is pending. */
  readonly promptRefusal: boolean;
  /** SUBSCRIBE_OK carries the track's properties, or only the first group. */
  readonly subscribeOk: "properties" | "start";
  /** SUBSCRIBE_END has the first group that will never come: in 05 too, whose first text meant the last group. */
  readonly subscribeEnd: boolean;
  /** SUBSCRIBE_END comes last and says how many group streams were opened. There is no SUBSCRIBE_DROP. */
  readonly streamCounts: boolean;
  /** ANNOUNCE_REQUEST says whether names that begin with a dot are wanted, below the prefix. */
  readonly hiddenNames: boolean;
  /** An announcement may repeat the beginning of another one's path, and the end of its hop list. */
  readonly announceBases: boolean;
  /** Integers have 64 bits, and the ones that they begin with count their bytes. */
  readonly leadingOnes: boolean;
  /** The codec that goes with {@link leadingOnes}. */
  readonly varints: VarintCodec;
}

const LITE_03: Capabilities = {
  protocol: "moq-lite-03",
  setupStream: false,
  announceOk: false,
  announceIds: false,
  announceRepeat: false,
  epochs: false,
  ended: false,
  excludeHop: false,
  hopIds: false,
  routeCost: false,
  coldCost: false,
  prefixRoutes: false,
  strictAnnounce: false,
  firstHopIdentity: false,
  probeRtt: false,
  goaway: false,
  strictGoaway: false,
  trackStream: false,
  timestamps: false,
  datagrams: false,
  frameRanges: false,
  groupOrder: true,
  groupFloor: false,
  objects: false,
  pushedTracks: false,
  twoRegistries: false,
  promptRefusal: false,
  subscribeOk: "properties",
  subscribeEnd: false,
  streamCounts: false,
  hiddenNames: false,
  announceBases: false,
  leadingOnes: false,
  varints: QUIC_VARINTS,
};

const LITE_04: Capabilities = {
  ...LITE_03,
  protocol: "moq-lite-04",
  excludeHop: true,
  hopIds: true,
  probeRtt: true,
  goaway: true,
};

const LITE_05: Capabilities = {
  ...LITE_04,
  protocol: "moq-lite-05",
  setupStream: true,
  announceOk: true,
  announceRepeat: true,
  trackStream: true,
  timestamps: true,
  datagrams: true,
  subscribeOk: "start",
  subscribeEnd: true,
};

/** The text of 24 September 2026. */
const LITE_06: Capabilities = {
  ...LITE_05,
  protocol: "moq-lite-06",
  announceIds: true,
  announceRepeat: false,
  excludeHop: false,
  routeCost: true,
  coldCost: true,
  prefixRoutes: true,
  strictAnnounce: true,
  firstHopIdentity: true,
  strictGoaway: true,
  frameRanges: true,
  groupOrder: false,
  groupFloor: true,
  twoRegistries: true,
  promptRefusal: true,
};

/** The version under development, as moq-relay 0.17 speaks it. */
const LITE_07_WIP: Capabilities = {
  ...LITE_06,
  protocol: "moq-lite-07-wip",
  streamCounts: true,
  hiddenNames: true,
  announceBases: true,
  leadingOnes: true,
  varints: LEADING_ONES_VARINTS,
};

/** What npm's `@moq/net` calls 06, which is an older text: with ids and one route cost. */
const LITE_06_WIP: Capabilities = {
  ...LITE_05,
  protocol: "moq-lite-06-wip",
  announceIds: true,
  announceRepeat: false,
  excludeHop: false,
  routeCost: true,
};

/** Our own protocol between relays: the control flow of moq-lite, with epochs and ended announcements. */
const MOQMESH_1: Capabilities = { ...LITE_06_WIP, protocol: "moqmesh-1", epochs: true, ended: true };

/** Likewise, with objects. */
const MOQMESH_2: Capabilities = {
  ...MOQMESH_1,
  protocol: "moqmesh-2",
  frameRanges: true,
  objects: true,
  pushedTracks: true,
};

const ALL: ReadonlyMap<string, Capabilities> = new Map<string, Capabilities>(
  [MOQMESH_2, MOQMESH_1, LITE_07_WIP, LITE_06_WIP, LITE_06, LITE_05, LITE_04, LITE_03].map((caps) => [
    caps.protocol,
    caps,
  ]),
);

/** Returns nothing for a protocol that is not a version of moq-lite. */
export function capabilities(protocol: string): Capabilities | undefined {
  return ALL.get(protocol);
}
