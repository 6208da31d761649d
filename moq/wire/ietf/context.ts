import type { RequestKind } from "./parameter-scopes.ts";
import type { Capabilities } from "./versions.ts";

export type Side = "client" | "server";

/** What the reader of a message knows about it from elsewhere. */
export interface ReadContext {
  readonly caps: Capabilities;
  /** Who sent the message. */
  readonly from: Side;
  /** The binding has a URI of its own (WebTransport), so that SETUP must not have one. */
  readonly uriBound: boolean;
  /** The request that opened the stream; absent on control streams. */
  readonly request?: RequestKind;
  /** The kind of request that the message type is an answer to, where the type says that. */
  readonly answered?: RequestKind;
  /** The message comes from the side that opened the stream. */
  readonly opener?: boolean;
  /** What a REQUEST_OK or REQUEST_ERROR answers is an update. */
  readonly update?: boolean;
}
