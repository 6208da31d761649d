import type { BidiStream } from "../../link.ts";
import type { Advertisement } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { encodeAnnouncement, encodeAnnounceOk } from "../../wire/lite/index.ts";
import type { AnnounceWriter } from "../announce-responder.ts";
import type { LiteContext } from "./context.ts";

/** Writes the announcements of one Announce Stream (moq-lite Announce). */
export class LiteAnnounceWriter implements AnnounceWriter {
  readonly counts: boolean;
  readonly prefixes: boolean;
  readonly #context: LiteContext;
  readonly #stream: BidiStream;
  /** Ids are implicit: both sides count the starts. */
  #nextId = 0;

  constructor(context: LiteContext, stream: BidiStream) {
    this.#context = context;
    this.#stream = stream;
    this.counts = context.caps.announceOk;
    this.prefixes = context.caps.prefixRoutes;
  }

  get queued(): number {
    return this.#stream.queued;
  }

  listed(active: number): void {
    const { session, caps } = this.#context;
    if (caps.announceOk) this.#stream.write(encodeAnnounceOk({ hop: session.deps.hop, active }, caps));
  }

  start(suffix: string, advertisement: Advertisement): number {
    this.#write({ kind: "start", suffix, ...this.#fields(advertisement) });
    return this.#nextId++;
  }

  /**
   * Before announcements had ids a peer cannot tell an update from a new broadcast, and players would start over although their
   * subscriptions go on. So only versions with ids get it.
   */
  update(id: number, suffix: string, advertisement: Advertisement): void {
    if (!this.#context.caps.announceIds) return;
    this.#write({ kind: "update", id, suffix, ...this.#fields(advertisement) });
  }

  end(id: number, suffix: string): void {
    this.#write({ kind: "end", id, suffix });
  }

  finish(): void {
    this.#stream.finish();
  }

  refuse(reason: Reason): void {
    this.#stream.reset(this.#context.session.codes.codeOf(reason));
  }

  #write(announcement: Parameters<typeof encodeAnnouncement>[0]): void {
    this.#stream.write(encodeAnnouncement(announcement, this.#context.caps));
  }

  #fields({ hops, epoch, ended, cost, coldCost }: Advertisement) {
    const { caps, session } = this.#context;
    // ANNOUNCE_OK names our hop; without it our hop ends the list.
    const list = caps.announceOk ? [...hops] : [...hops, session.deps.hop];
    return { hops: list, epoch, ended, cost, ...(coldCost === undefined ? {} : { coldCost }) };
  }
}
