import { MAX_STREAMS } from "./params.ts";
import { putLongVarint, putVarint, Reader, varintSize } from "./varint.ts";
import { Violation } from "./violation.ts";

const PADDING = 0x00;
const RESET_STREAM = 0x04;
const STOP_SENDING = 0x05;
const STREAM = 0x08;
const STREAM_OFF = 0x04;
const STREAM_LEN = 0x02;
const STREAM_FIN = 0x01;
const MAX_DATA = 0x10;
const MAX_STREAM_DATA = 0x11;
const MAX_STREAMS_BIDI = 0x12;
const MAX_STREAMS_UNI = 0x13;
const DATA_BLOCKED = 0x14;
const STREAM_DATA_BLOCKED = 0x15;
const STREAMS_BLOCKED_BIDI = 0x16;
const STREAMS_BLOCKED_UNI = 0x17;
const CONNECTION_CLOSE = 0x1c;
const APPLICATION_CLOSE = 0x1d;
const RESET_STREAM_AT = 0x24;
const DATAGRAM = 0x30;
const DATAGRAM_LEN = 0x31;
const QX_TRANSPORT_PARAMETERS = 0x3f5153300d0a0d0an;
const QX_PING = 0x348c67529ef8c7bdn;
const QX_PONG = 0x348c67529ef8c7ben;

const RECORDS = "draft-ietf-quic-qmux section 3.2";

/**
 * Gets the frames of a record in order. Integers above 2^53 are rounded; bytes are part of the record, not copied. Its
 * methods throw a {@link Violation} for a frame that is well formed and not allowed.
 */
export interface FrameVisitor {
  /** True: the rest of the record is ignored. */
  readonly ended: boolean;
  /** Called before every frame. */
  next(isParameters: boolean): void;
  transportParameters(payload: Uint8Array): void;
  /** `offset` is undefined when the frame has none. */
  stream(id: number, offset: number | undefined, data: Uint8Array, fin: boolean): void;
  /** `reliableSize` is undefined for a plain RESET_STREAM. */
  resetStream(id: number, code: number, finalSize: number, reliableSize: number | undefined): void;
  stopSending(id: number, code: number): void;
  maxData(max: number): void;
  maxStreamData(id: number, max: number): void;
  maxStreams(bidi: boolean, max: number): void;
  /** The sender is blocked by a limit of the connection or of streams. */
  blocked(): void;
  streamBlocked(id: number): void;
  ping(sequence: bigint): void;
  pong(sequence: bigint): void;
  /** A datagram. Must throw: the reader would take the datagram's bytes for frames. */
  datagram(): never;
  connectionClose(code: number, reason: Uint8Array): void;
  applicationClose(code: number, reason: Uint8Array): void;
}

/** Reads one message: a record's frames without its size (draft-lcurley-qmux-websocket section 6). */
export function readFrames(record: Uint8Array, visitor: FrameVisitor): void {
  const reader = new Reader(record, "FRAME_ENCODING_ERROR", RECORDS);
  while (reader.remaining > 0 && !visitor.ended) {
    if (reader.peek() >= 0x40) {
      readLongFrame(reader, visitor);
      continue;
    }
    const type = reader.varint();
    visitor.next(false);
    if ((type & 0xf8) === STREAM) readStream(type, reader, visitor);
    else if (type >= MAX_DATA && type <= STREAMS_BLOCKED_UNI) readFlow(type, reader, visitor);
    else readOther(type, reader, visitor);
  }
}

function readStream(type: number, reader: Reader, visitor: FrameVisitor): void {
  const id = reader.varint();
  const offset = (type & STREAM_OFF) !== 0 ? reader.varint() : undefined;
  const data = (type & STREAM_LEN) !== 0 ? reader.take(reader.varint()) : reader.rest();
  visitor.stream(id, offset, data, (type & STREAM_FIN) !== 0);
}

function readFlow(type: number, reader: Reader, visitor: FrameVisitor): void {
  switch (type) {
    case MAX_DATA:
      visitor.maxData(reader.varint());
      break;
    case MAX_STREAM_DATA:
      visitor.maxStreamData(reader.varint(), reader.varint());
      break;
    case MAX_STREAMS_BIDI:
    case MAX_STREAMS_UNI:
      visitor.maxStreams(type === MAX_STREAMS_BIDI, streamLimit(reader));
      break;
    case DATA_BLOCKED:
      reader.varint();
      visitor.blocked();
      break;
    case STREAM_DATA_BLOCKED: {
      const id = reader.varint();
      reader.varint();
      visitor.streamBlocked(id);
      break;
    }
    default:
      streamLimit(reader);
      visitor.blocked();
  }
}

function streamLimit(reader: Reader): number {
  const limit = reader.varint();
  if (limit <= MAX_STREAMS) return limit;
  throw new Violation("FRAME_ENCODING_ERROR", "a stream limit is over 2^60", "RFC 9000 sections 19.11 and 19.14");
}

function readOther(type: number, reader: Reader, visitor: FrameVisitor): void {
  switch (type) {
    case PADDING:
      while (reader.remaining > 0 && reader.peek() === PADDING) reader.varint();
      break;
    case RESET_STREAM:
      visitor.resetStream(reader.varint(), reader.varint(), reader.varint(), undefined);
      break;
    case RESET_STREAM_AT:
      visitor.resetStream(reader.varint(), reader.varint(), reader.varint(), reader.varint());
      break;
    case STOP_SENDING:
      visitor.stopSending(reader.varint(), reader.varint());
      break;
    case CONNECTION_CLOSE: {
      const code = reader.varint();
      reader.varint();
      visitor.connectionClose(code, reader.take(reader.varint()));
      break;
    }
    case APPLICATION_CLOSE:
      visitor.applicationClose(reader.varint(), reader.take(reader.varint()));
      break;
    case DATAGRAM:
    case DATAGRAM_LEN:
      visitor.datagram();
      break;
    default:
      throw unknownFrame(`0x${type.toString(16)}`);
  }
}

function readLongFrame(reader: Reader, visitor: FrameVisitor): void {
  const type = reader.bigVarint();
  visitor.next(type === QX_TRANSPORT_PARAMETERS);
  if (type === QX_TRANSPORT_PARAMETERS) visitor.transportParameters(reader.take(reader.varint()));
  else if (type === QX_PING) visitor.ping(reader.bigVarint());
  else if (type === QX_PONG) visitor.pong(reader.bigVarint());
  else if (type >= 0x40n) throw unknownFrame(`0x${type.toString(16)}`);
  else throw new Violation("PROTOCOL_VIOLATION", "a frame type is longer than needed", "RFC 9000 section 12.4");
}

function unknownFrame(type: string): Violation {
  const clause = "draft-ietf-quic-qmux section 4, RFC 9000 section 12.4";
  return new Violation("FRAME_ENCODING_ERROR", `frame type ${type} is unknown or forbidden`, clause);
}

/** A frame of integers alone, each from 0 to 2^53-1. */
function integers(type: number, ...values: readonly number[]): Uint8Array {
  const target = new Uint8Array(1 + values.reduce((sum, value) => sum + varintSize(value), 0));
  let at = putVarint(target, 0, type);
  for (const value of values) at = putVarint(target, at, value);
  return target;
}

function long(type: bigint, sequence: bigint): Uint8Array {
  const target = new Uint8Array(16);
  putLongVarint(target, putLongVarint(target, 0, type), sequence);
  return target;
}

/** QX_TRANSPORT_PARAMETERS. */
export function paramsFrame(payload: Uint8Array): Uint8Array {
  const target = new Uint8Array(8 + varintSize(payload.length) + payload.length);
  const at = putVarint(target, putLongVarint(target, 0, QX_TRANSPORT_PARAMETERS), payload.length);
  target.set(payload, at);
  return target;
}

/** CONNECTION_CLOSE of the transport (0x1c) or of the application (0x1d); `reason` is UTF-8. */
export function closeFrame(application: boolean, code: number, reason: Uint8Array): Uint8Array {
  const head = application
    ? integers(APPLICATION_CLOSE, code, reason.length)
    : integers(CONNECTION_CLOSE, code, 0, reason.length);
  const target = new Uint8Array(head.length + reason.length);
  target.set(head);
  target.set(reason, head.length);
  return target;
}

export const resetFrame = (id: number, code: number, finalSize: number) => integers(RESET_STREAM, id, code, finalSize);
export const stopFrame = (id: number, code: number) => integers(STOP_SENDING, id, code);
export const maxDataFrame = (max: number) => integers(MAX_DATA, max);
export const maxStreamDataFrame = (id: number, max: number) => integers(MAX_STREAM_DATA, id, max);
export const maxStreamsFrame = (bidi: boolean, max: number) => integers(bidi ? MAX_STREAMS_BIDI : MAX_STREAMS_UNI, max);
export const dataBlockedFrame = (limit: number) => integers(DATA_BLOCKED, limit);
export const streamBlockedFrame = (id: number, limit: number) => integers(STREAM_DATA_BLOCKED, id, limit);
export const streamsBlockedFrame = (bidi: boolean, limit: number) =>
  integers(bidi ? STREAMS_BLOCKED_BIDI : STREAMS_BLOCKED_UNI, limit);
export const pingFrame = (sequence: bigint) => long(QX_PING, sequence);
export const pongFrame = (sequence: bigint) => long(QX_PONG, sequence);

/** Longest head of a STREAM frame with at most 2^14-1 bytes of data. */
export const MAX_STREAM_HEAD = 1 + 8 + 8 + 2;

/** Bytes of the head of a STREAM frame. */
export function streamHeadSize(id: number, offset: number, length: number): number {
  return 1 + varintSize(id) + varintSize(offset) + varintSize(length);
}

/** Writes the head of a STREAM frame with offset and length at `at`; returns where it ends. The data follows. */
export function putStreamHead(
  target: Uint8Array,
  at: number,
  id: number,
  offset: number,
  length: number,
  fin: boolean,
): number {
  const next = putVarint(target, at, STREAM | STREAM_OFF | STREAM_LEN | (fin ? STREAM_FIN : 0));
  return putVarint(target, putVarint(target, putVarint(target, next, id), offset), length);
}

/** An empty STREAM frame: it opens a stream. */
export function openFrame(id: number): Uint8Array {
  const target = new Uint8Array(streamHeadSize(id, 0, 0));
  putStreamHead(target, 0, id, 0, 0, false);
  return target;
}
