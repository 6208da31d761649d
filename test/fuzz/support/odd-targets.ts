/** Targets that go wrong, for tests of the fuzzer itself. Each takes a first byte under 0x80 as it should be. */
import type { FuzzTarget } from "../target.ts";

function odd(name: string, wrong: () => void): FuzzTarget {
  return {
    name,
    sound: [Uint8Array.of(1, 2, 3)],
    run: (input) => {
      if ((input[0] ?? 0) < 0x80) return true;
      wrong();
      return false;
    },
  };
}

const kept: number[][] = [];

export const TARGETS: readonly FuzzTarget[] = [
  odd("well", () => {}),
  odd("throws", () => {
    throw new TypeError("not thought of");
  }),
  odd("hangs", () => {
    for (;;);
  }),
  odd("grows", () => {
    for (;;) kept.push(Array.from({ length: 100_000 }, () => Math.random()));
  }),
];
