/** The readers of moq/wire accept or refuse any input, in any pieces, and do the same each time. */
import assert from "node:assert/strict";
import { BoundExceeded, ProtocolViolation, RequestViolation } from "../../moq/wire/codec/errors.ts";
import { LEADING_ONES_VARINTS } from "../../moq/wire/codec/leading-ones-varint.ts";
import { DATAGRAM_BYTES, decodeDatagram, encodeDatagram } from "../../moq/wire/lite/datagram.ts";
import { decodeObjectDatagram, encodeObjectDatagram } from "../../moq/wire/lite/object-datagram.ts";
import type { Capabilities } from "../../moq/wire/lite/versions.ts";
import { bytes, EVERY } from "../wire/support/bytes.ts";
import { reading, STREAM_KINDS, type StreamKind } from "../wire/support/read.ts";
import { rewritten } from "../wire/support/rewrite.ts";
import { streamOf, VECTORS } from "../wire/support/vectors.ts";
import { Random, seedOf } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

export function wireTargets(): FuzzTarget[] {
  const streams = STREAM_KINDS.flatMap((kind) =>
    EVERY.filter(({ trackStream }) => kind !== "track" || trackStream).map((caps) => streamTarget(kind, caps)),
  );
  return [...streams, DATAGRAM, ONES_DATAGRAM, OBJECT_DATAGRAM];
}

function streamTarget(kind: StreamKind, caps: Capabilities): FuzzTarget {
  return {
    name: `${kind} ${caps.protocol}`,
    sound: soundStreams(kind, caps),
    run: (input) => {
      const whole = outcome(kind, caps, input, () => input.length);
      const random = new Random(seedOf(input));
      const longest = 1 + random.below(24);
      const pieces = outcome(kind, caps, input, () => 1 + random.below(longest));
      assert.deepEqual(pieces, whole, "read in pieces as in one");
      if (whole.refused !== undefined) return false;
      const again = rewritten(kind, caps, whole.messages);
      const reread = outcome(kind, caps, again, () => again.length);
      assert.deepEqual(reread, whole, "what was read can be written, and reads the same");
      return true;
    },
  };
}

function soundStreams(kind: StreamKind, caps: Capabilities): Uint8Array[] {
  const vectors = VECTORS.filter((vector) => vector.caps === caps && vector.stream === kind).map(streamOf);
  const timed = caps.leadingOnes ? "87d0 03 aabbcc 01 00 41 01 dd" : "47d0 03 aabbcc 01 00 4041 01 dd";
  const frames = bytes(caps.timestamps ? timed : "03 aabbcc 00 01 dd");
  const objects = bytes("47d0 06 aabbcc 00 05 03 09 02 aabb ccdd 00 03 04 ee 00 01 14");
  const fetched = bytes("4048 07 47d0 01 aa 08 14 01 bb 4183 03 0a 04 01cc 01 dd 4202 09 00 40d4 0a 00 00");
  if (kind === "frames") return [caps.objects ? fetched : frames];
  if (kind === "uni" && caps.objects) vectors.push(Uint8Array.of(0, 5, 5, 9, 3, 7, 200, ...objects));
  else if (kind === "uni") vectors.push(Uint8Array.of(0, 2, 5, 9, ...frames), Uint8Array.of(9, 9, 9));
  if (kind === "request") vectors.push(Uint8Array.of(0x20, 1, 2));
  return vectors;
}

interface Outcome {
  readonly messages: unknown[];
  readonly refused?: string;
}

/** What a reader makes of a stream. Any error but the three of moq/wire is a failure. */
function outcome(kind: StreamKind, caps: Capabilities, input: Uint8Array, size: () => number): Outcome {
  const messages: unknown[] = [];
  const reader = reading(kind, caps, (message) => messages.push(message));
  try {
    for (let at = 0; at < input.length; ) {
      const piece = input.slice(at, at + size());
      at += piece.length;
      reader.push(piece);
      piece.fill(0xee);
    }
    reader.finish();
  } catch (error) {
    const refusals = [ProtocolViolation, BoundExceeded, RequestViolation];
    if (!(error instanceof Error && refusals.some((refusal) => error instanceof refusal))) throw error;
    assert.ok(error.message.length <= 128, "short enough for a log");
    return { messages, refused: `${error.name} ${error.message}` };
  }
  assert.ok(messages.length <= input.length, "no message is made of nothing");
  return { messages };
}

const DATAGRAM: FuzzTarget = {
  name: "datagram",
  sound: [bytes("03 412c 43e8 aabb"), bytes("00 00 00"), new Uint8Array(DATAGRAM_BYTES)],
  run: (input) => {
    const datagram = decodeDatagram(input);
    if (datagram === undefined) return false;
    const again = encodeDatagram(datagram);
    assert.ok(again.length <= input.length);
    assert.deepEqual(decodeDatagram(again), datagram);
    return true;
  },
};

const ONES_DATAGRAM: FuzzTarget = {
  name: "datagram moq-lite-07-wip",
  sound: [bytes("03 812c 83e8 aabb"), bytes("00 00 00"), new Uint8Array(DATAGRAM_BYTES)],
  run: (input) => {
    const datagram = decodeDatagram(input, LEADING_ONES_VARINTS);
    if (datagram === undefined) return false;
    const again = encodeDatagram(datagram, LEADING_ONES_VARINTS);
    assert.ok(again.length <= input.length);
    assert.deepEqual(decodeDatagram(again, LEADING_ONES_VARINTS), datagram);
    return true;
  },
};

const OBJECT_DATAGRAM: FuzzTarget = {
  name: "datagram moqmesh-2",
  sound: [bytes("01 02 03 4b 05 c8 01 cc aabb"), bytes("01 02 03 14"), bytes("01 412c 03 00 aabb")],
  run: (input) => {
    const datagram = decodeObjectDatagram(input);
    if (datagram === undefined) return false;
    const again = decodeObjectDatagram(encodeObjectDatagram(datagram));
    assert.deepEqual(again, datagram, "what was read can be written, and reads the same");
    return true;
  },
};
