/** What both ends of the stream churn share. */
import type { LinkHandler, LinkLimits, RecvHandler } from "../../../moq/link.ts";
import { systemClock } from "../../../transport/shared/index.ts";

export const PROTOCOL = "moq-lite-05";

export const LIMITS: LinkLimits = {
  uniStreams: 128,
  bidiStreams: 16,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 4 * 2 ** 20,
};

/** Milliseconds between two checks of memory. */
export const LOOK_MS = 1000;

/** What the dialling end gets to know. */
export interface Job {
  readonly engine: string;
  readonly port: number;
  readonly sha256: string;
  readonly streams: number;
}

export const deps = {
  clock: systemClock,
  warn: (message: string, error?: unknown) => console.error(message, error ?? ""),
};

export function handler(recv: RecvHandler, some: Partial<LinkHandler> = {}): LinkHandler {
  const none = { data() {}, fin() {}, reset() {}, stop() {} };
  return {
    uni: () => recv,
    bidi: () => none,
    datagram() {},
    capacity() {},
    backlog() {},
    drained() {},
    closed() {},
    ...some,
  };
}
