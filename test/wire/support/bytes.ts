import assert from "node:assert/strict";
import { type Capabilities, capabilities, LITE_VERSIONS, type LiteVersion } from "../../../moq/wire/lite/versions.ts";

/** Bytes from hexadecimal digits. Spaces are ignored. */
export function bytes(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "");
  assert.match(digits, /^([0-9a-f]{2})*$/);
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

export function hex(of: Uint8Array): string {
  return Buffer.from(of).toString("hex");
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function capsOf(version: LiteVersion): Capabilities {
  const caps = capabilities(version);
  assert.ok(caps);
  return caps;
}

/** Every version with its capabilities. */
export const EVERY: readonly Capabilities[] = LITE_VERSIONS.map(capsOf);

/**
 * Pushes `all` in pieces of the given sizes, in rotation. Each piece is in memory that is overwritten afterwards, as an engine
 * may do.
 */
export function feed(all: Uint8Array, sizes: readonly number[], push: (piece: Uint8Array) => void): void {
  let at = 0;
  for (let i = 0; at < all.length; i++) {
    const size = sizes.length === 0 ? all.length : Math.max(1, sizes[i % sizes.length] ?? 1);
    const piece = all.slice(at, at + size);
    push(piece);
    piece.fill(0xee);
    at += size;
  }
}
