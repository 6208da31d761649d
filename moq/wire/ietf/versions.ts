/**
 * The drafts of moq-transport, and the only file that knows their numbers. All other code asks for a named capability.
 *
 * Draft 18 is the first of the present wire: a pair of control streams, a stream for each request, varints by leading ones. Draft 23 is
 * spoken as draft 22 under its own protocol id, because its text could not be had.
 */
import { LEADING_ONES_VARINTS, QUIC_VARINTS, type VarintCodec } from "../codec/index.ts";
import { DELTA_OBJECTS, FLAGGED_OBJECTS, type ObjectCapabilities, PLAIN_OBJECTS } from "./object-capabilities.ts";

/** Protocol ids that sessions are offered under, best first: ALPN of QUIC and subprotocol of WebTransport. */
export const IETF_PROTOCOLS = ["moqt-22", "moqt-20", "moqt-18", "moqt-23", "moqt-16", "moq-00"] as const;

/** Drafts by name, newest first. The name is the id that is negotiated, but for draft 14. */
export const DRAFTS = ["moqt-23", "moqt-22", "moqt-20", "moqt-18", "moqt-16", "moqt-14"] as const;

export type IetfProtocol = (typeof DRAFTS)[number];

/** The id of all drafts up to 14, which agree on the version in SETUP. Draft 14 is the only one that is spoken there. */
export const IN_BAND = "moq-00";

/** What a draft of moq-transport can do, and how it writes its messages. */
export interface Capabilities extends ObjectCapabilities {
  /** The name of the draft. */
  readonly protocol: IetfProtocol;
  /** The version number that SETUP names; absent where only the protocol id says which draft it is. */
  readonly setupVersion?: number;
  readonly varints: VarintCodec;
  /**
   * Each request has a stream of its own, and each side a control stream. Otherwise there is one control stream in both directions, and
   * requests and answers on it have ids.
   */
  readonly requestStreams: boolean;
  /** REQUEST_OK and REQUEST_ERROR answer requests of every kind. Otherwise each kind has its own answers, with their own codes. */
  readonly commonAnswers: boolean;
  /** Priority, order, filter and the like are fields of their messages. Otherwise they are parameters. */
  readonly fixedFields: boolean;
  /** SUBSCRIBE_NAMESPACE has a stream of its own, on which NAMESPACE answers. Otherwise PUBLISH_NAMESPACE answers. */
  readonly namespaceStreams: boolean;
  /** SUBSCRIBE_TRACKS is a message of its own. Otherwise SUBSCRIBE_NAMESPACE asks for tracks. */
  readonly subscribeTracks: boolean;
  /** GOAWAY on the control stream carries the first request id that was not processed. */
  readonly goawayRequestId: boolean;
  /** How many streams PUBLISH_DONE says it counted, when that is not known. */
  readonly unknownStreamCount: bigint;
  /**
   * How a location filter is written: a Subscription Filter with the end group, or with how many groups later it is; bare fields whose number
   * is their meaning; or a Location Filter Type and the fields that it has, without a length.
   */
  readonly locationFilter: "end_group" | "end_delta" | "fields" | "typed";
  /** GROUP_ORDER may be 0, as if it were absent. Draft 16 forbids it (GROUP ORDER Parameter), but Shaka Player sends the 0 of draft 14. */
  readonly groupOrderZero: boolean;
  /** A session may have several subscriptions of one track. Otherwise further ones are refused. */
  readonly severalSubscriptions: boolean;
  /** There are range filters, and SETUP options that bound them and updates. */
  readonly rangeFilters: boolean;
  /**
   * A subscription asks for what it has missed by FILL_PARAMETERS, and FETCH has its range in a filter. Otherwise there are joining fetches,
   * and FETCH has fields for its range.
   */
  readonly fill: boolean;
  /** The parameters of a pushed track are in PUBLISH, and PUBLISH_STATE_NOTIFY reports them. Otherwise the subscriber sets them in PUBLISH_OK. */
  readonly publishParameters: boolean;
  /** The end of the asker's half of a request stream cancels the request. Since draft 19 it says that no update follows. */
  readonly finCancels: boolean;
}

const DRAFT_18: Capabilities = {
  ...DELTA_OBJECTS,
  protocol: "moqt-18",
  varints: LEADING_ONES_VARINTS,
  requestStreams: true,
  commonAnswers: true,
  fixedFields: false,
  namespaceStreams: true,
  subscribeTracks: true,
  goawayRequestId: true,
  unknownStreamCount: 2n ** 62n - 1n,
  locationFilter: "end_delta",
  groupOrderZero: false,
  severalSubscriptions: false,
  rangeFilters: false,
  fill: false,
  publishParameters: false,
  finCancels: true,
};

const DRAFT_20: Capabilities = {
  ...DRAFT_18,
  protocol: "moqt-20",
  goawayRequestId: false,
  unknownStreamCount: 2n ** 64n - 1n,
  locationFilter: "fields",
  severalSubscriptions: true,
  rangeFilters: true,
  fill: true,
  publishParameters: true,
  finCancels: false,
  timedOutRange: true,
};

const DRAFT_22: Capabilities = { ...DRAFT_20, protocol: "moqt-22", locationFilter: "typed" };

const DRAFT_23: Capabilities = { ...DRAFT_22, protocol: "moqt-23" };

const DRAFT_16: Capabilities = {
  ...DRAFT_18,
  ...FLAGGED_OBJECTS,
  protocol: "moqt-16",
  varints: QUIC_VARINTS,
  requestStreams: false,
  subscribeTracks: false,
  goawayRequestId: false,
  groupOrderZero: true,
  locationFilter: "end_group",
};

const DRAFT_14: Capabilities = {
  ...DRAFT_16,
  ...PLAIN_OBJECTS,
  protocol: "moqt-14",
  setupVersion: 0xff00_000e,
  commonAnswers: false,
  fixedFields: true,
  namespaceStreams: false,
  severalSubscriptions: true,
};

const ALL: ReadonlyMap<string, Capabilities> = new Map<string, Capabilities>(
  [DRAFT_23, DRAFT_22, DRAFT_20, DRAFT_18, DRAFT_16, DRAFT_14].map((caps) => [caps.protocol, caps]),
);

/** Of a negotiated id, or of a draft by its name. Returns nothing for a protocol that is not a draft of moq-transport. */
export function capabilities(protocol: string): Capabilities | undefined {
  return protocol === IN_BAND ? DRAFT_14 : ALL.get(protocol);
}
