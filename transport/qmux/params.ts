import { putLongVarint, putVarint, Reader, varintSize } from "./varint.ts";
import { Violation } from "./violation.ts";

/** Smallest and default limit of a record in bytes (draft-ietf-quic-qmux section 5.2). */
export const DEFAULT_RECORD_SIZE = 16382;

/** Highest limit of streams (RFC 9000 section 4.6). */
export const MAX_STREAMS = 2 ** 60;

/** The parameters that an endpoint declares at the start. Sizes in bytes, time in milliseconds. */
export interface Params {
  /** 0: none. */
  readonly maxIdleTimeout: number;
  readonly maxData: number;
  /** For bidirectional streams that the declaring end opens. */
  readonly maxStreamDataBidiLocal: number;
  /** For bidirectional streams that the other end opens. */
  readonly maxStreamDataBidiRemote: number;
  readonly maxStreamDataUni: number;
  readonly maxStreamsBidi: number;
  readonly maxStreamsUni: number;
  readonly maxRecordSize: number;
  /** Supports RESET_STREAM_AT. */
  readonly resetStreamAt: boolean;
}

/** The parameters of an endpoint that declares nothing. */
const DEFAULTS: Params = {
  maxIdleTimeout: 0,
  maxData: 0,
  maxStreamDataBidiLocal: 0,
  maxStreamDataBidiRemote: 0,
  maxStreamDataUni: 0,
  maxStreamsBidi: 0,
  maxStreamsUni: 0,
  maxRecordSize: DEFAULT_RECORD_SIZE,
  resetStreamAt: false,
};

type IntegerParam = Exclude<keyof Params, "resetStreamAt">;

const INTEGERS: ReadonlyMap<bigint, IntegerParam> = new Map([
  [0x01n, "maxIdleTimeout"],
  [0x04n, "maxData"],
  [0x05n, "maxStreamDataBidiLocal"],
  [0x06n, "maxStreamDataBidiRemote"],
  [0x07n, "maxStreamDataUni"],
  [0x08n, "maxStreamsBidi"],
  [0x09n, "maxStreamsUni"],
  [0x0571c59429cd0845n, "maxRecordSize"],
]);

/** The number of the reset_stream_at extension. */
const RESET_STREAM_AT = 0x1dn;

/** Transport parameters of QUIC that have no meaning in QMux (draft-ietf-quic-qmux section 5.1). */
const FORBIDDEN: ReadonlySet<bigint> = new Set(
  [0x00, 0x02, 0x03, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10].map((id) => BigInt(id)),
);

/** Reads the payload of QX_TRANSPORT_PARAMETERS; throws a {@link Violation}. */
export function readParams(payload: Uint8Array): Params {
  const reader = new Reader(payload, "TRANSPORT_PARAMETER_ERROR", "RFC 9000 section 18");
  const found: Partial<Record<IntegerParam, number>> = {};
  let resetStreamAt = false;
  const seen = new Set<bigint>();
  while (reader.remaining > 0) {
    const id = reader.bigVarint();
    const value = reader.take(reader.varint());
    if (FORBIDDEN.has(id)) throw wrong(id, "is forbidden", "draft-ietf-quic-qmux section 5.1");
    const name = INTEGERS.get(id);
    if (name === undefined && id !== RESET_STREAM_AT) continue;
    if (seen.has(id)) throw wrong(id, "appears twice", "RFC 9000 section 7.4");
    seen.add(id);
    if (name !== undefined) found[name] = readInteger(id, value);
    else if (value.length > 0) throw wrong(id, "is not empty", "draft-ietf-quic-reliable-stream-reset section 3");
    else resetStreamAt = true;
  }
  const params = { ...DEFAULTS, ...found, resetStreamAt };
  check(params);
  return params;
}

/** The payload of QX_TRANSPORT_PARAMETERS, without the integers that are 0. */
export function writeParams(params: Params): Uint8Array {
  const target = new Uint8Array((INTEGERS.size + 1) * 24);
  let at = 0;
  for (const [id, name] of INTEGERS) {
    const value = params[name];
    if (value === 0) continue;
    at = putId(target, at, id);
    at = putVarint(target, at, varintSize(value));
    at = putVarint(target, at, value);
  }
  if (params.resetStreamAt) at = putVarint(target, putId(target, at, RESET_STREAM_AT), 0);
  return target.subarray(0, at);
}

function putId(target: Uint8Array, at: number, id: bigint): number {
  return id < 64n ? putVarint(target, at, Number(id)) : putLongVarint(target, at, id);
}

function readInteger(id: bigint, value: Uint8Array): number {
  const reader = new Reader(value, "TRANSPORT_PARAMETER_ERROR", "RFC 9000 section 18.2");
  const integer = reader.varint();
  if (reader.remaining > 0) throw wrong(id, "is not one integer", "RFC 9000 section 18.2");
  return integer;
}

function check({ maxRecordSize, maxStreamsBidi, maxStreamsUni }: Params): void {
  const clause = "draft-ietf-quic-qmux section 5.2";
  if (maxRecordSize < DEFAULT_RECORD_SIZE) throw wrong(0x0571c59429cd0845n, `is under ${DEFAULT_RECORD_SIZE}`, clause);
  if (maxStreamsBidi > MAX_STREAMS) throw wrong(0x08n, "is over 2^60", "RFC 9000 section 18.2");
  if (maxStreamsUni > MAX_STREAMS) throw wrong(0x09n, "is over 2^60", "RFC 9000 section 18.2");
}

function wrong(id: bigint, what: string, clause: string): Violation {
  return new Violation("TRANSPORT_PARAMETER_ERROR", `transport parameter 0x${id.toString(16)} ${what}`, clause);
}
