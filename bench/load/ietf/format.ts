import type { Link } from "../../../moq/link.ts";
import { type Capabilities, encodeObjectHeader, encodeSubgroupHeader } from "../../../moq/wire/ietf/index.ts";
import type { GroupFormat } from "../group-format.ts";
import { TIMESCALE } from "../published-track.ts";
import type { IetfLoadSession } from "./session.ts";

/** Timestamps in properties are microseconds. */
const MICROS = 1_000_000 / TIMESCALE;

/** Groups of moq-transport: one subgroup, on one stream. */
export class IetfFormat implements GroupFormat {
  readonly link: Link;
  readonly #caps: Capabilities;
  readonly #alias: number;
  readonly #priority: number;

  /** `priority`: lower first. */
  constructor({ link, caps }: IetfLoadSession, alias: number, priority: number) {
    this.link = link;
    this.#caps = caps;
    this.#alias = alias;
    this.#priority = priority;
  }

  stream(group: number): Uint8Array {
    const trackAlias = this.#alias;
    const header = { trackAlias, group, subgroup: 0, priority: this.#priority, firstObject: true, endsGroup: true };
    return encodeSubgroupHeader(header, this.#caps);
  }

  frame(size: number, millis: number): Uint8Array {
    return encodeObjectHeader(this.#caps, size, 0, undefined, undefined, millis * MICROS);
  }

  started(): void {}
}
