import { randomBytes } from "node:crypto";
import type { BidiStream } from "../../../moq/link.ts";
import { stripPrefix } from "../../../moq/path.ts";
import { type Capabilities, encodeAnnouncement, encodeAnnounceOk } from "../../../moq/wire/lite/index.ts";
import type { LostSessions } from "../../load/lost-sessions.ts";
import type { LoadSession, Part } from "../../load/session.ts";

/** A relay that asked for announcements, and the ids that they have on its stream. */
interface Asker {
  readonly stream: BidiStream;
  readonly caps: Capabilities;
  readonly prefix: string;
  readonly ids: Map<string, number>;
  next: number;
}

/** A session that announces broadcasts, and may end them and announce them again. It serves no media. */
export class Announcer implements Part {
  /** Every session is another route. */
  readonly hop = BigInt(randomBytes(6).readUIntBE(0, 6)) + 1n;
  readonly broadcasts: readonly string[];
  readonly #lost: LostSessions;
  readonly #announced: () => void;
  #session: LoadSession | undefined;
  #asker: Asker | undefined;
  #leaving = false;

  /** `announced` is called when the relay has asked for the broadcasts and gets them. */
  constructor(broadcasts: readonly string[], lost: LostSessions, announced: () => void) {
    this.broadcasts = broadcasts;
    this.#lost = lost;
    this.#announced = announced;
  }

  start(session: LoadSession): void {
    this.#session = session;
  }

  announcing(stream: BidiStream, { caps }: LoadSession, prefix: string): void {
    const suffixes = this.broadcasts.flatMap((path) => stripPrefix(prefix, path) ?? []);
    this.#asker = { stream, caps, prefix, ids: new Map(), next: 0 };
    if (caps.announceOk) stream.write(encodeAnnounceOk({ hop: this.hop, active: suffixes.length }, caps));
    for (const path of this.broadcasts) this.set(path, true);
    this.#announced();
  }

  /** Announces a broadcast, or ends it. */
  set(path: string, active: boolean): void {
    if (this.#asker === undefined) return;
    const { stream, caps, prefix, ids } = this.#asker;
    const suffix = stripPrefix(prefix, path);
    if (suffix === undefined) return;
    if (active) {
      ids.set(suffix, this.#asker.next++);
      const fields = { hops: caps.announceOk ? [] : [this.hop], epoch: 1n, ended: false, cost: 0 };
      stream.write(encodeAnnouncement({ kind: "start", suffix, ...fields }, caps));
    } else {
      const id = ids.get(suffix);
      stream.write(encodeAnnouncement({ kind: "end", suffix, ...(id !== undefined && { id }) }, caps));
    }
  }

  /** Ends the session. */
  leave(): void {
    this.#leaving = true;
    this.#session?.link.close(0, "");
  }

  closed(why: string): void {
    this.#asker = undefined;
    if (!this.#leaving) this.#lost.add(why);
  }
}
