/**
 * The drafts of moq-transport, and the only file that knows their numbers. All other code asks for a named capability.
 *
 * Draft 18 is the first of the present wire: a pair of control streams, a stream for each request, varints by leading ones.
 */
import { LEADING_ONES_VARINTS, type VarintCodec } from "../codec/index.ts";

/** Protocol ids that are negotiated: ALPN of QUIC and subprotocol of WebTransport. */
export const IETF_PROTOCOLS = ["moqt-18"] as const;

export type IetfProtocol = (typeof IETF_PROTOCOLS)[number];

/** What a draft of moq-transport can do, and how it writes its messages. */
export interface Capabilities {
  /** The protocol id that was negotiated. */
  readonly protocol: IetfProtocol;
  readonly varints: VarintCodec;
  /** GOAWAY on the control stream carries the first request id that was not processed. */
  readonly goawayRequestId: boolean;
  /** How many streams PUBLISH_DONE says it counted, when that is not known. */
  readonly unknownStreamCount: bigint;
  /** A subscriber sets the parameters of a pushed track in PUBLISH_OK. Later drafts have them in PUBLISH. */
  readonly publishOkParameters: boolean;
}

const DRAFT_18: Capabilities = {
  protocol: "moqt-18",
  varints: LEADING_ONES_VARINTS,
  goawayRequestId: true,
  unknownStreamCount: 2n ** 62n - 1n,
  publishOkParameters: true,
};

const ALL: ReadonlyMap<string, Capabilities> = new Map<string, Capabilities>(
  [DRAFT_18].map((caps) => [caps.protocol, caps]),
);

/** Returns nothing for a protocol that is not a draft of moq-transport. */
export function capabilities(protocol: string): Capabilities | undefined {
  return ALL.get(protocol);
}
