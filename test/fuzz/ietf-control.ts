/** The readers of control and request streams of moq-transport accept or refuse any input, in any pieces, and do the same each time. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundExceeded, ProtocolViolation, RequestViolation } from "../../moq/wire/codec/index.ts";
import type { Capabilities, Message, RequestKind } from "../../moq/wire/ietf/index.ts";
import type { Conversation } from "../wire/ietf/support/arbitraries.ts";
import { conversations } from "../wire/ietf/support/conversations.ts";
import { EVERY_DRAFT, readerOf, written } from "../wire/ietf/support/streams.ts";
import { concat } from "../wire/support/bytes.ts";
import { Random, seedOf } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

type Place = Conversation["place"];
type Setting = Pick<Conversation, "place" | "from" | "request">;

/** What a stream answers, by the upper bits of the first byte of an input. */
const KINDS: readonly RequestKind[] = [
  "subscribe",
  "publish",
  "fetch",
  "trackStatus",
  "publishNamespace",
  "subscribeNamespace",
  "subscribeTracks",
];

/** Conversations of which inputs are made. */
const SOUND = 300;
const SEED = 20_261_129;

export function ietfControlTargets(): FuzzTarget[] {
  // Control messages of draft 23 are those of 22.
  return EVERY_DRAFT.filter(({ protocol }) => protocol !== "moqt-23").flatMap((caps) => {
    const samples = fc.sample(conversations(caps), { numRuns: SOUND, seed: SEED });
    const places: readonly Place[] = caps.namespaceStreams ? ["requests", "answers", "control"] : ["control"];
    return places.map((place) => messageTarget(place, caps, samples));
  });
}

/** The first byte of an input says who sends, and what the stream answers; the rest is the stream. */
function messageTarget(place: Place, caps: Capabilities, samples: readonly Conversation[]): FuzzTarget {
  const sound = samples.filter((sample) => sample.place === place);
  return {
    name: `${place} ${caps.protocol}`,
    sound: sound.map((sample) => concat(Uint8Array.of(selector(sample)), written(sample, caps))),
    run: (input) => {
      const setting = settingOf(place, input[0] ?? 0);
      const stream = input.subarray(1);
      const whole = outcome(setting, caps, stream, () => stream.length);
      const random = new Random(seedOf(input));
      const longest = 1 + random.below(24);
      same(
        outcome(setting, caps, stream, () => 1 + random.below(longest)),
        whole,
        "read in pieces as in one",
      );
      assert.ok(whole.messages.length <= input.length, "no message is made of nothing");
      if (whole.refused !== undefined) return false;
      const once = rewritten(setting, caps, whole.messages);
      if (once === undefined) return true;
      same(
        once.map(({ kind }) => kind),
        whole.messages.map(({ kind }) => kind),
        "what was read can be written",
      );
      same(rewritten(setting, caps, once), once, "what was written reads the same");
      return true;
    },
  };
}

function selector({ from, request }: Setting): number {
  return (from === "client" ? 0 : 1) | (KINDS.indexOf(request ?? "subscribe") << 1);
}

function settingOf(place: Place, byte: number): Setting {
  const request = KINDS[(byte >> 1) % KINDS.length];
  return { place, from: (byte & 1) === 0 ? "client" : "server", ...(request === undefined ? {} : { request }) };
}

interface Outcome {
  readonly messages: readonly Message[];
  readonly refused?: string;
}

function outcome(setting: Setting, caps: Capabilities, stream: Uint8Array, size: () => number): Outcome {
  const messages: Message[] = [];
  const reader = readerOf(setting, caps);
  try {
    for (let at = 0; at < stream.length; ) {
      const piece = stream.slice(at, at + size());
      at += piece.length;
      assert.equal(reader.push(piece, (message) => messages.push(message)).length, 0);
      piece.fill(0xee);
    }
    // A control stream must not end. Before draft 17 it is bidirectional, and known by its SETUP.
    if (setting.place !== "control" && messages[0]?.kind !== "setup") reader.finish();
  } catch (error) {
    const known = [ProtocolViolation, BoundExceeded, RequestViolation].some((type) => error instanceof type);
    if (!(known && error instanceof Error)) throw error;
    assert.ok(error.message.length <= 160, "short enough for a log");
    return { messages, refused: `${error.name} ${error.message}` };
  }
  return { messages };
}

/**
 * The messages, written and read. What is not UTF-8, what is too large, and a filter that is not valid are written in another way than they
 * were read. Nothing where that makes a message too long.
 */
function rewritten(setting: Setting, caps: Capabilities, messages: readonly Message[]): readonly Message[] | undefined {
  try {
    const stream = written({ ...setting, messages }, caps);
    const { messages: again, refused } = outcome(setting, caps, stream, () => stream.length);
    if (messages.length > 0) assert.equal(refused, undefined);
    return again;
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith("message of ")) return undefined;
    throw error;
  }
}

/** Fast where both are equal. */
function same(actual: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(actual, plain) !== JSON.stringify(expected, plain)) assert.deepEqual(actual, expected, what);
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
