import type { Session } from "../../moq/session/index.ts";

/** Shortest time over which a rate is taken, in milliseconds: of two requests at once, neither gets a rate over almost no time. */
const SHORTEST_MS = 1_000;

interface Sample {
  /** Milliseconds since the session's start. */
  readonly at: number;
  readonly sent: number;
  readonly received: number;
}

/** Bits a second of sessions since the last request for them; nothing is measured between requests. */
export class Rates {
  readonly #known = new WeakMap<Session, { sample: Sample; rate: { sent: number; received: number } }>();

  of(session: Session, now: Sample): { readonly sent: number; readonly received: number } {
    const known = this.#known.get(session);
    const before = known?.sample ?? { at: 0, sent: 0, received: 0 };
    const ms = now.at - before.at;
    if (known !== undefined && ms < SHORTEST_MS) return known.rate;
    const bits = (from: number, to: number) => (ms <= 0 ? 0 : Math.round(((to - from) * 8_000) / ms));
    const rate = { sent: bits(before.sent, now.sent), received: bits(before.received, now.received) };
    this.#known.set(session, { sample: now, rate });
    return rate;
  }
}
