import { PRIORITY_CONTROL } from "../../../moq/link.ts";
import { DEFAULT_WIRE_LIMITS } from "../../../moq/wire/codec/index.ts";
import { type AnnounceResponse, announceResponses, encodeRequest } from "../../../moq/wire/lite/index.ts";
import type { LostSessions } from "../../load/lost-sessions.ts";
import type { LoadSession, Part } from "../../load/session.ts";
import { CROWD } from "../kinds.ts";

/** Called when a broadcast of the crowd begins or ends in a watcher's list. */
export type Changed = (suffix: string, active: boolean) => void;

/** A session that lists the broadcasts of the crowd. */
export class Watcher implements Part {
  readonly broadcasts: readonly string[] = [];
  /** Suffixes of the broadcasts that are there now. */
  readonly list = new Set<string>();
  readonly #lost: LostSessions;
  readonly #changed: Changed;
  /** By the id of an announcement. */
  readonly #suffixes: string[] = [];

  constructor(lost: LostSessions, changed: Changed) {
    this.#lost = lost;
    this.#changed = changed;
  }

  start(session: LoadSession): void {
    const reader = announceResponses(session.caps, DEFAULT_WIRE_LIMITS);
    const stream = session.link.openBidi(PRIORITY_CONTROL, {
      data: (bytes) => session.guard(() => reader.push(bytes, (message) => this.#take(message))),
      fin() {},
      reset() {},
      stop() {},
    });
    const request = { kind: "announce" as const, prefix: CROWD, excludeHop: 0n, ended: false };
    stream?.write(encodeRequest(request, session.caps));
  }

  closed(why: string): void {
    this.#lost.add(why);
  }

  #take(message: AnnounceResponse): void {
    if (message.kind === "start") {
      this.#suffixes.push(message.suffix);
      this.list.add(message.suffix);
      this.#changed(message.suffix, true);
    } else if (message.kind === "end") {
      const suffix = message.suffix ?? this.#suffixes[message.id ?? -1] ?? "";
      this.list.delete(suffix);
      this.#changed(suffix, false);
    }
  }
}
