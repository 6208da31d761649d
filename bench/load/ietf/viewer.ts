import {
  type Message,
  namespaceOf,
  type ObjectTarget,
  type SubgroupHeader,
  trackNameOf,
} from "../../../moq/wire/ietf/index.ts";
import type { AudienceStart } from "../messages.ts";
import { sharedMicros } from "../micros.ts";
import { STAMP_BYTES, stampFrame, stampSentUs } from "../stamp.ts";
import type { ViewerDeps } from "../viewer.ts";
import type { IetfLoadSession, IetfPart } from "./session.ts";

/** Milliseconds before a refused subscription is retried: the announcement may still be on its way. */
const RETRY_MS = 200;

/** Priorities are turned round: lower comes first. */
const LOWEST = 255;

/** Timestamps are not used. */
const TIMESCALE = 1;

/** Watches the tracks of one broadcast and counts their objects. */
export class IetfViewer implements IetfPart {
  readonly #deps: ViewerDeps;
  readonly #index: number;
  readonly #path: string;
  readonly #tracks: AudienceStart["tracks"];
  /** Numbers of the tracks that have not delivered yet. */
  readonly #silent: Set<number>;
  /** Numbers of the tracks by their alias. */
  readonly #aliases = new Map<number, number>();
  #over = false;

  /** `index`: its place in the tallies. */
  constructor(deps: ViewerDeps, index: number, path: string, tracks: AudienceStart["tracks"]) {
    this.#deps = deps;
    this.#index = index;
    this.#path = path;
    this.#tracks = tracks;
    this.#silent = new Set(tracks.keys());
  }

  start(session: IetfLoadSession): void {
    for (const track of this.#tracks.keys()) this.#subscribe(session, track);
  }

  subgroup({ trackAlias }: SubgroupHeader): ObjectTarget {
    const stamp = new Uint8Array(STAMP_BYTES);
    let stamped = 0;
    let bytes = 0;
    return {
      timescale: TIMESCALE,
      sink: {
        object: (size) => {
          bytes = size;
          stamped = 0;
        },
        payload: (chunk) => {
          for (let at = 0; stamped < STAMP_BYTES && at < chunk.length; at++) stamp[stamped++] = chunk[at] ?? 0;
        },
        end: () => {
          const track = this.#aliases.get(trackAlias);
          if (stamped === STAMP_BYTES && track !== undefined) this.#object(track, stamp, bytes);
        },
        status: () => {},
      },
    };
  }

  closed(why: string): void {
    this.#over = true;
    this.#deps.lost(why);
  }

  #object(track: number, stamp: Uint8Array, bytes: number): void {
    const tally = this.#deps.tallies[track];
    tally?.frame(this.#index, stampFrame(stamp), stampSentUs(stamp), sharedMicros(), bytes);
    if (this.#silent.delete(track) && this.#silent.size === 0) this.#deps.flowing();
  }

  #subscribe(session: IetfLoadSession, number: number): void {
    const asked = this.#tracks[number];
    const namespace = namespaceOf(this.#path);
    const name = asked && trackNameOf(asked.track);
    if (asked === undefined || namespace === undefined || name === undefined)
      throw new Error(`no track of ${this.#path} has this name`);
    const again = () => {
      if (!this.#over) this.#deps.clock.timer(RETRY_MS, () => this.#subscribe(session, number));
    };
    const request = (requestId: number): Message => ({
      kind: "subscribe",
      requestId,
      namespace,
      name,
      parameters: { priority: LOWEST - asked.priority, filter: { kind: "relative", groups: 0 } },
    });
    const answer = (message: Message) => {
      if (message.kind === "subscribeOk") this.#aliases.set(message.alias, number);
    };
    if (session.ask("subscribe", request, answer, again) === undefined) again();
  }
}
