import type { Random } from "./random.ts";

/** Bytes on which varints change their length, and flags their meaning. */
const EDGES = [0x00, 0x01, 0x02, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff] as const;

/** Longest input: above it nothing new is found, and the rate falls. */
export const MAX_INPUT = 4096;

/** An input: nonsense now and then, else a sound one that was tampered with, or is sound still. */
export function nextInput(random: Random, sound: readonly Uint8Array[]): Uint8Array {
  if (sound.length === 0 || random.chance(10)) return random.bytes(random.below(random.chance(50) ? MAX_INPUT : 48));
  let input = random.pick(sound);
  if (random.chance(4)) input = joined(input, random.pick(sound));
  for (let left = random.below(5); left > 0; left--) input = tampered(random, input, sound);
  return input.length > MAX_INPUT ? input.subarray(0, MAX_INPUT) : input;
}

function tampered(random: Random, input: Uint8Array, sound: readonly Uint8Array[]): Uint8Array {
  const at = random.below(input.length + 1);
  const to = at + random.below(Math.min(input.length - at, 16) + 1);
  switch (random.below(9)) {
    case 0:
      return changed(input, at, (byte) => byte ^ (1 << random.below(8)));
    case 1:
      return changed(input, at, () => random.pick(EDGES));
    case 2:
      return changed(input, at, (byte) => byte + (random.chance(2) ? 1 : -1));
    case 3:
      return input.subarray(0, at);
    case 4:
      return joined(input.subarray(0, at), input.subarray(to));
    case 5:
      return joined(input.subarray(0, to), input.subarray(at));
    case 6:
      return joined(input.subarray(0, at), random.bytes(1 + random.below(8)), input.subarray(at));
    case 7:
      return joined(input.subarray(0, at), random.pick(sound).subarray(random.below(8)));
    default:
      return lengthened(random, input, at);
  }
}

function changed(input: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const out = input.slice();
  if (at < out.length) out[at] = change(out[at] ?? 0);
  return out;
}

/** Takes the byte at `at` for a length, and makes what it counts longer. */
function lengthened(random: Random, input: Uint8Array, at: number): Uint8Array {
  const more = random.bytes(1 + random.below(4));
  const counted = changed(input, at, (byte) => Math.min(byte + more.length, 0x3f));
  const end = Math.min(input.length, at + 1 + random.below((input[at] ?? 0) + 1));
  return joined(counted.subarray(0, end), more, counted.subarray(end));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
