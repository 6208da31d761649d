import type { Cursor } from "../codec/index.ts";
import { newWriter } from "./codec.ts";
import type { ReadContext, Side } from "./context.ts";
import { TerminationError } from "./errors.ts";
import { type KeyValue, putKeyValues, readKeyValues } from "./key-values.ts";
import { SETUP_OPTIONS } from "./limits.ts";
import { encodeToken, readToken, type Token } from "./token.ts";
import type { Capabilities } from "./versions.ts";

/** SETUP, and CLIENT_SETUP and SERVER_SETUP before draft 17: what the sender can do. An option that is absent or has its default is not on the wire. */
export interface Setup {
  /** Who sends it. Before draft 17, and only there. */
  readonly from?: Side;
  /** Path and query of the URI, where the binding has none. Only clients send it. */
  readonly path?: string;
  /** Host and port of the URI, likewise. */
  readonly authority?: string;
  /** Bytes of registered tokens that the sender keeps; 0 forbids aliases. */
  readonly maxAuthTokenCacheSize: number;
  readonly tokens: readonly Token[];
  /** The first request id that the peer may not use; 0 allows no request. Before draft 17. */
  readonly maxRequestId?: number;
  /** Ranges that the range filters of one request may have; 0 forbids them. Since draft 19. */
  readonly maxFilterRanges?: number;
  /** Updates of one request that may be without an answer; absent: any number. Since draft 19. */
  readonly maxRequestUpdates?: number;
  /** Name and version of the sender's implementation. */
  readonly implementation?: string;
}

const PATH = 0x01n;
const MAX_REQUEST_ID = 0x02n;
const AUTHORIZATION_TOKEN = 0x03n;
const MAX_AUTH_TOKEN_CACHE_SIZE = 0x04n;
const AUTHORITY = 0x05n;
const MAX_FILTER_RANGES = 0x06n;
const MOQT_IMPLEMENTATION = 0x07n;
const MAX_REQUEST_UPDATES = 0x08n;
const NAMES: ReadonlyMap<bigint, string> = new Map([
  [PATH, "PATH"],
  [MAX_REQUEST_ID, "MAX_REQUEST_ID"],
  [AUTHORIZATION_TOKEN, "AUTHORIZATION_TOKEN"],
  [MAX_AUTH_TOKEN_CACHE_SIZE, "MAX_AUTH_TOKEN_CACHE_SIZE"],
  [AUTHORITY, "AUTHORITY"],
  [MAX_FILTER_RANGES, "MAX_FILTER_RANGES"],
  [MOQT_IMPLEMENTATION, "MOQT_IMPLEMENTATION"],
  [MAX_REQUEST_UPDATES, "MAX_REQUEST_UPDATES"],
]);

/** `path-abempty [ "?" query ]` and `authority` of RFC 3986, without a check of what is in brackets. */
const PATH_FORM = /^(?:\/(?:[\w.~!$&'()*+,;=:@/-]|%[\da-f]{2})*)?(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|%[\da-f]{2})*)?$/i;
const AUTHORITY_FORM =
  /^(?:(?:[\w.~!$&'()*+,;=:-]|%[\da-f]{2})*@)?(?:\[[\da-fv:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})+)(?::\d*)?$/i;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The body of a SETUP. */
export function encodeSetup(setup: Setup, caps: Capabilities): Uint8Array {
  const options = optionsOf(setup, caps);
  const writer = newWriter(caps);
  if (caps.requestStreams) return putKeyValues(writer, options, caps).finish();
  if (caps.setupVersion !== undefined) {
    if (setup.from === "client") writer.varint(1);
    writer.varint(caps.setupVersion);
  }
  return putKeyValues(writer.varint(options.length), options, caps).finish();
}

export function readSetup(cursor: Cursor, context: ReadContext): Setup {
  const known = new Map<bigint, KeyValue>();
  const tokens: Token[] = [];
  let options = 0;
  if (context.caps.setupVersion !== undefined) checkVersion(cursor, context.caps.setupVersion, context.from);
  const count = context.caps.requestStreams ? undefined : cursor.varint();
  const visit = (pair: KeyValue) => {
    if (++options > SETUP_OPTIONS) throw cursor.violation(`more than ${SETUP_OPTIONS} options`);
    if (pair.type === AUTHORIZATION_TOKEN && typeof pair.value !== "bigint") {
      tokens.push(checkedToken(cursor, readToken(pair.value, context.caps), context));
      return;
    }
    const name = NAMES.get(pair.type);
    if (name === undefined || !isDefined(pair.type, context.caps)) return;
    if (known.has(pair.type)) throw cursor.violation(`${name} twice`);
    known.set(pair.type, pair);
  };
  readKeyValues(cursor, context.caps, visit, count);
  const text = (type: bigint) => {
    const value = known.get(type)?.value;
    return value instanceof Uint8Array ? value : undefined;
  };
  const path = checkedUri(text(PATH), "path", context);
  const authority = checkedUri(text(AUTHORITY), "authority", context);
  const implementation = text(MOQT_IMPLEMENTATION);
  const number = (type: bigint) => {
    const value = known.get(type)?.value;
    return typeof value === "bigint" && value > 0n ? Math.min(Number(value), Number.MAX_SAFE_INTEGER) : undefined;
  };
  const maxRequestId = number(MAX_REQUEST_ID);
  const maxFilterRanges = number(MAX_FILTER_RANGES);
  const maxRequestUpdates = number(MAX_REQUEST_UPDATES);
  return {
    ...(context.caps.requestStreams ? {} : { from: context.from }),
    ...(path === undefined ? {} : { path }),
    ...(authority === undefined ? {} : { authority }),
    maxAuthTokenCacheSize: number(MAX_AUTH_TOKEN_CACHE_SIZE) ?? 0,
    tokens,
    ...(maxRequestId === undefined ? {} : { maxRequestId }),
    ...(maxFilterRanges === undefined ? {} : { maxFilterRanges }),
    ...(maxRequestUpdates === undefined ? {} : { maxRequestUpdates }),
    // It should be UTF-8, and is for people to read.
    ...(implementation === undefined ? {} : { implementation: decoder.decode(implementation) }),
  };
}

function optionsOf(setup: Setup, caps: Capabilities): KeyValue[] {
  const options: KeyValue[] = [];
  const text = (type: bigint, value: string | undefined) => {
    if (value !== undefined) options.push({ type, value: encoder.encode(value) });
  };
  text(PATH, setup.path);
  for (const token of setup.tokens) options.push({ type: AUTHORIZATION_TOKEN, value: encodeToken(token, caps) });
  const count = (type: bigint, value = 0) => {
    if (value > 0 && isDefined(type, caps)) options.push({ type, value: BigInt(value) });
  };
  count(MAX_REQUEST_ID, setup.maxRequestId);
  count(MAX_AUTH_TOKEN_CACHE_SIZE, setup.maxAuthTokenCacheSize);
  count(MAX_FILTER_RANGES, setup.maxFilterRanges);
  count(MAX_REQUEST_UPDATES, setup.maxRequestUpdates);
  text(AUTHORITY, setup.authority);
  text(MOQT_IMPLEMENTATION, setup.implementation);
  return options;
}

/** Whether the draft has that option. Others are ignored. */
function isDefined(type: bigint, caps: Capabilities): boolean {
  if (type === MAX_REQUEST_ID) return !caps.requestStreams;
  return caps.rangeFilters || (type !== MAX_FILTER_RANGES && type !== MAX_REQUEST_UPDATES);
}

/** A client offers versions, and a server answers with one of them. */
function checkVersion(cursor: Cursor, version: number, from: Side): void {
  let found = false;
  for (let left = from === "client" ? cursor.varint() : 1; left > 0; left--)
    found = cursor.saturating() === version || found;
  if (!found) throw new TerminationError("version_negotiation_failed", "SETUP", "no version that is spoken here");
}

/** A server that reads DELETE or USE_ALIAS in a SETUP ends the session. There can be no alias yet from either side. */
function checkedToken(cursor: Cursor, token: Token, { from }: ReadContext): Token {
  if (from === "client" && (token.use === "delete" || token.use === "alias")) {
    throw cursor.violation("token alias before any is registered");
  }
  return token;
}

/** PATH or AUTHORITY: from clients only, where the binding has no URI, in the form of RFC 3986. */
function checkedUri(
  bytes: Uint8Array | undefined,
  part: "path" | "authority",
  { from, uriBound }: ReadContext,
): string | undefined {
  if (bytes === undefined) return undefined;
  const clause = part.toUpperCase();
  if (from === "server") throw new TerminationError(`invalid_${part}`, clause, "sent by a server");
  if (uriBound) throw new TerminationError(`invalid_${part}`, clause, "the binding has a URI");
  // What is no UTF-8 becomes a character that no URI has.
  const value = decoder.decode(bytes);
  const form = part === "path" ? PATH_FORM : AUTHORITY_FORM;
  if (!form.test(value)) throw new TerminationError(`malformed_${part}`, clause, "not as in RFC 3986");
  return value;
}
