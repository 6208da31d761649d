import { LazyMap } from "../../lazy.ts";
import type { BidiStream } from "../../link.ts";
import type { Advertisement } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { ProtocolViolation, READ, type WireBound } from "../../wire/codec/index.ts";
import { type AnnounceResponse, announceResponses, encodeRequest } from "../../wire/lite/index.ts";
import { ANNOUNCE_HOLD_MS } from "../announce-responder.ts";
import type { AnnounceTable } from "../contract.ts";
import type { TurnHandler } from "../intake.ts";
import type { Place } from "../opener.ts";
import { PeerAnnouncements } from "../peer-announcements.ts";
import type { LiteContext } from "./context.ts";

/**
 * Versions without ANNOUNCE_OK do not say when the first announcements are complete. After so many milliseconds we assume it: as
 * long as a relay of another version holds ANNOUNCE_OK back, and a round trip.
 */
const FIRST_ANNOUNCEMENTS_MS = ANNOUNCE_HOLD_MS + 250;

/** Asks the peer for its announcements: our half of one Announce Stream (moq-lite Announce). */
export class AnnounceSubscriber implements TurnHandler {
  readonly #context: LiteContext;
  readonly #prefix: string;
  readonly #table: AnnounceTable;
  readonly #announcements: PeerAnnouncements;
  readonly #reader;
  readonly #done: (complete: boolean) => void;
  /** Suffixes by announcement id, where the version has ids. Nothing for an announcement whose path is too long. */
  readonly #byId = new LazyMap<number, string | undefined>();
  #nextId = 0;
  /** Further messages are ignored. */
  #over = false;
  #askedAt = 0;
  /** ANNOUNCE_OK came sooner than from a peer that gave up waiting for other relays. */
  #soon = false;
  #peerHop: bigint | undefined;
  /** First announcements that are still missing. */
  #awaited: number | undefined;
  #stream: BidiStream | undefined;
  #place: Place | undefined;

  /**
   * `prefix` is relative to the root. `done` is called once the first announcements are in; `complete`: the peer answered before it
   * gives up waiting for other relays, so they are all that there is.
   */
  constructor(context: LiteContext, prefix: string, table: AnnounceTable, done: (complete: boolean) => void) {
    const { session, caps, wire } = context;
    this.#context = context;
    this.#prefix = prefix;
    this.#table = table;
    this.#done = done;
    this.#announcements = new PeerAnnouncements(session, prefix, table, wire);
    this.#reader = announceResponses(caps, wire);
  }

  start(): void {
    const { session, caps } = this.#context;
    const { deps, opener } = session;
    const request = {
      kind: "announce" as const,
      prefix: this.#prefix,
      excludeHop: deps.hop,
      ended: true,
      hidden: true,
    };
    this.#place = opener.open({
      handler: this,
      opened: (stream) => {
        this.#stream = stream;
        this.#askedAt = deps.clock.now();
        stream.write(encodeRequest(request, caps));
        // Without ANNOUNCE_OK nothing says when the first ones are in.
        if (!caps.announceOk) deps.clock.timer(FIRST_ANNOUNCEMENTS_MS, () => this.#done(false));
      },
      refused: (reason) => this.#cut(reason),
    });
  }

  data(bytes: Uint8Array): Uint8Array {
    // Queued bytes may follow after the stream was given up.
    if (this.#over) return READ;
    const { session } = this.#context;
    const take = (message: AnnounceResponse) => this.#announcements.charge(() => this.#on(message));
    return session.guard(() => this.#reader.push(bytes, take, session.share)) ?? READ;
  }

  fin(): void {
    this.#context.session.guard(() => {
      this.#reader.finish();
      this.#cut("closed");
    });
  }

  reset(code: number): void {
    this.#context.session.guard(() => this.#cut(this.#context.session.codes.reasonOf(code)));
  }

  stop(): void {
    this.#done(false);
  }

  /** The answer is not needed any more. */
  cancel(): void {
    this.#over = true;
    this.#place?.leave();
    this.#stream?.finish();
    this.#stream?.stop(this.#context.session.codes.codeOf("cancelled"));
    this.#withdraw(false);
  }

  /** The peer asked us to leave: its broadcasts get no new viewers. */
  leave(): void {
    this.#announcements.charge(() => this.#announcements.leave());
  }

  /** The session is over, and its subscriptions with it. */
  close(): void {
    this.#withdraw(true);
  }

  /** The peer announces no more here, so everything that it announced is withdrawn. */
  #cut(reason: Reason): void {
    this.#place?.leave();
    this.#table.cut?.(reason);
    this.#announcements.withdrawAll(false);
    this.#byId.clear();
    this.#stream?.finish();
    this.#done(false);
  }

  /** The peer broke the protocol on this stream, which ends the stream, or the session where the version is strict. */
  #refuse(what: string): void {
    this.#over = true;
    const { session, caps } = this.#context;
    if (caps.strictAnnounce) throw new ProtocolViolation("Announce", what);
    session.deps.broadcasts.counters.protocolViolations++;
    this.#place?.leave();
    const code = session.codes.codeOf("protocol");
    this.#stream?.reset(code);
    this.#stream?.stop(code);
    this.#withdraw(false);
  }

  #withdraw(lost: boolean): void {
    this.#announcements.withdrawAll(lost);
    this.#byId.clear();
    this.#done(false);
  }

  #on(message: AnnounceResponse): void {
    // Messages may follow the one that ended the stream.
    if (this.#over) return;
    switch (message.kind) {
      case "ok":
        this.#peerHop = message.hop;
        this.#soon = this.#context.session.deps.clock.now() - this.#askedAt < ANNOUNCE_HOLD_MS;
        this.#awaited = message.active;
        break;
      case "start":
        this.#start(message.suffix, this.#advertisement(message));
        break;
      case "oversized":
        this.#oversized(message.bound);
        break;
      case "update": {
        const suffix = this.#suffix(message.id, message.suffix);
        if (suffix !== undefined) this.#announcements.announce(suffix, this.#advertisement(message));
        break;
      }
      case "end":
        this.#end(message.id, this.#suffix(message.id, message.suffix));
        break;
    }
    if (this.#awaited === 0) this.#done(this.#soon);
  }

  #start(suffix: string, advertisement: Advertisement): void {
    const { announceIds } = this.#context.caps;
    const id = this.#nextId++;
    // With ids a second start for a live path is an error. Without ids it is an update.
    if (announceIds && this.#announcements.has(suffix)) {
      this.#refuse("a second ANNOUNCE_START of a route");
    } else {
      this.#announcements.announce(suffix, advertisement);
      if (announceIds && this.#announcements.has(suffix)) this.#byId.set(id, suffix);
    }
    if (this.#awaited !== undefined) this.#awaited--;
  }

  /** The path is too long. The other broadcasts of this publisher stay. */
  #oversized(bound: WireBound): void {
    this.#context.session.admission.full(bound);
    if (this.#context.caps.announceIds) {
      const id = this.#nextId++;
      if (this.#announcements.announceOversized()) this.#byId.set(id, undefined);
    }
    if (this.#awaited !== undefined) this.#awaited--;
  }

  #end(id: number | undefined, suffix: string | undefined): void {
    if (id !== undefined && this.#byId.delete(id) && suffix === undefined) this.#announcements.endOversized();
    if (suffix !== undefined) this.#announcements.end(suffix);
  }

  /** The suffix of an announcement. An id that is unknown or retired breaks the protocol (moq-lite Announce). */
  #suffix(id: number | undefined, suffix: string | undefined): string | undefined {
    if (id === undefined) return suffix;
    // An id that is not known may be one of those that were refused.
    if (!this.#byId.has(id) && !(this.#announcements.beyond && id < this.#nextId)) {
      this.#refuse("an announce id that was never assigned, or is retired");
    }
    return this.#byId.get(id);
  }

  readonly #covers = (path: string): boolean => this.#context.session.deps.access.mayPublish(path);

  /** ANNOUNCE_OK names the peer's hop. Without it the peer's hop is in the list; a peer that sends no list has the unknown hop 0. */
  #advertisement({ hops, epoch, ended, cost, coldCost }: Advertisement): Advertisement {
    const last = this.#peerHop ?? (hops.length === 0 ? 0n : undefined);
    return {
      hops: last === undefined ? hops : [...hops, last],
      epoch,
      ended,
      cost,
      ...(coldCost === undefined ? {} : { coldCost }),
      ...(this.#context.caps.prefixRoutes ? { covers: this.#covers } : {}),
    };
  }
}
