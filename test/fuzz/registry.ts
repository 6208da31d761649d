/** The reader of what others may have written into a registry that roots share: relays, broadcasts and messages of it. */
import assert from "node:assert/strict";
import {
  decodeChange,
  decodeHolding,
  decodeInfo,
  encodeChange,
  encodeHolding,
  encodeInfo,
} from "../../cluster/registry/record.ts";
import { holdingOf, nodeInfo } from "../cluster/support.ts";
import type { FuzzTarget } from "./target.ts";

const NODE = "o1";
const PATH = "live/a";
const INFO = nodeInfo(NODE, "edge", { hop: 1n << 60n, draining: true });
const HOLDING = holdingOf(PATH, NODE, { epoch: 1n << 62n, hops: [1n, 77n], cost: 5, ended: true });

const text = (input: Uint8Array) => Buffer.from(input).toString();
const bytes = (written: string) => new Uint8Array(Buffer.from(written));

/** What is taken can be written, and reads the same. */
function target<T>(
  name: string,
  sound: string,
  read: (text: string) => T | undefined,
  write: (value: T) => string,
): FuzzTarget {
  return {
    name,
    sound: [bytes(sound)],
    run: (input) => {
      const value = read(text(input));
      if (value === undefined) return false;
      assert.deepEqual(read(write(value)), value);
      return true;
    },
  };
}

export function registryTargets(): FuzzTarget[] {
  const change = { info: INFO, holdings: [HOLDING], released: ["live/b"] };
  return [
    target("registry relay", encodeInfo(INFO), (decoded) => decodeInfo(NODE, decoded), encodeInfo),
    target(
      "registry broadcast",
      encodeHolding(HOLDING),
      (decoded) => decodeHolding(NODE, PATH, decoded),
      encodeHolding,
    ),
    target("registry change", encodeChange("w", change), decodeChange, (decoded) =>
      encodeChange(decoded.writer, decoded.change),
    ),
  ];
}
