import type { MetricSources } from "../../../moq/metrics.ts";
import { isUnder, normalisePath } from "../../../moq/path.ts";
import { HITLESS_METRICS, type HitlessCounters, PROTECTIONS, type ProtectionCode } from "./metrics.ts";

/** A track that is taken from other relays. */
export interface HitlessMember {
  /** Nothing where its path is under none of the prefixes. */
  readonly protection: ProtectionCode | undefined;
  /** The prefixes changed. */
  hitlessChanged(): void;
}

/** The prefixes of `[cluster] hitless`, and all tracks that a relay takes from others. */
export class Hitless {
  readonly counters: HitlessCounters = { duplicateBytes: 0, carried: 0, differences: 0 };
  readonly #members = new Set<HitlessMember>();
  #prefixes: readonly string[];

  constructor(prefixes: readonly string[], sources: MetricSources) {
    this.#prefixes = prefixes.map(normalisePath);
    sources.attach(HITLESS_METRICS, () => ({ ...this.counters, tracks: this.#tracks() }));
  }

  /** Whether the tracks of the broadcast are taken from two relays. */
  covers(path: string): boolean {
    return this.#prefixes.some((prefix) => isUnder(path, prefix));
  }

  /** Other prefixes hold from now on, for tracks that flow as well. */
  use(prefixes: readonly string[]): void {
    this.#prefixes = prefixes.map(normalisePath);
    for (const member of [...this.#members]) member.hitlessChanged();
  }

  add(member: HitlessMember): void {
    this.#members.add(member);
  }

  delete(member: HitlessMember): void {
    this.#members.delete(member);
  }

  #tracks(): Record<ProtectionCode, number> {
    const counts = Object.fromEntries(PROTECTIONS.map((code) => [code, 0])) as Record<ProtectionCode, number>;
    for (const { protection } of this.#members) if (protection !== undefined) counts[protection]++;
    return counts;
  }
}
