import type { BidiStream } from "../../link.ts";
import { joinPath } from "../../path.ts";
import type { Reason } from "../../reason.ts";
import { ProtocolViolation, READ } from "../../wire/codec/index.ts";
import { encodeRequest, type Pushed, pushedResponses } from "../../wire/lite/index.ts";
import type { PushedAsk, PushedSink } from "../contract.ts";
import type { TurnHandler } from "../intake.ts";
import type { Place } from "../opener.ts";
import type { LiteContext } from "./context.ts";

/** A track that the peer says is pushed. */
interface Track {
  readonly path: string;
  readonly epoch: bigint;
  readonly track: string;
}

/** Asks another relay which tracks are pushed to it: our half of one Pushed Stream. */
export class PushedSubscriber implements TurnHandler {
  readonly #context: LiteContext;
  readonly #ask: PushedAsk;
  readonly #sink: PushedSink;
  readonly #left: () => void;
  readonly #reader;
  /** By id. Nothing for one that is over a bound. */
  readonly #tracks = new Map<number, Track | undefined>();
  #nextId = 0;
  #over = false;
  #stream: BidiStream | undefined;
  #place: Place | undefined;

  /** `left`: the request is over. */
  constructor(context: LiteContext, ask: PushedAsk, sink: PushedSink, left: () => void) {
    this.#context = context;
    this.#ask = ask;
    this.#sink = sink;
    this.#left = left;
    this.#reader = pushedResponses(context.caps, context.wire);
  }

  start(): void {
    const { session, caps } = this.#context;
    if (!caps.pushedTracks || session.over || session.peer.leaving) {
      this.#end("unsupported");
      return;
    }
    this.#place = session.opener.open({
      handler: this,
      opened: (stream) => {
        this.#stream = stream;
        stream.write(encodeRequest({ kind: "pushed", ...this.#ask }, caps));
      },
      refused: (reason) => this.#end(reason),
    });
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#over) return READ;
    const { session } = this.#context;
    return session.guard(() => this.#reader.push(bytes, (message) => this.#on(message), session.share)) ?? READ;
  }

  fin(): void {
    this.#context.session.guard(() => {
      this.#reader.finish();
      this.#end("closed");
    });
  }

  reset(code: number): void {
    this.#context.session.guard(() => this.#end(this.#context.session.codes.reasonOf(code)));
  }

  /** The peer reads no more. It has the request already. */
  stop(): void {}

  /** The answer is not needed any more. */
  cancel(): void {
    if (this.#over) return;
    this.#stream?.stop(this.#context.session.codes.codeOf("cancelled"));
    this.#finish();
  }

  /** The session is over. */
  close(): void {
    this.#end("closed");
  }

  #end(reason: Reason): void {
    if (this.#over) return;
    this.#finish();
    this.#sink.closed(reason);
  }

  #finish(): void {
    this.#over = true;
    this.#place?.leave();
    this.#stream?.finish();
    this.#left();
    for (const known of this.#tracks.values()) if (known) this.#sink.ended(known.path, known.epoch, known.track);
    this.#tracks.clear();
  }

  #on(message: Pushed): void {
    const { session } = this.#context;
    if (this.#over) return;
    switch (message.kind) {
      case "start":
        this.#start(message.suffix, message.epoch, message.track);
        break;
      case "oversized":
        session.admission.full(message.bound);
        this.#take(undefined);
        break;
      case "end": {
        if (!this.#tracks.has(message.id)) throw new ProtocolViolation("PUSHED_END", "an id that is not known");
        const known = this.#tracks.get(message.id);
        this.#tracks.delete(message.id);
        if (known !== undefined) this.#sink.ended(known.path, known.epoch, known.track);
      }
    }
  }

  #start(suffix: string, epoch: bigint, track: string): void {
    const path = this.#context.session.absolute(joinPath(this.#ask.prefix, suffix));
    if (this.#take({ path, epoch, track })) this.#sink.started(path, epoch, track);
  }

  /** Keeps a track under the next id. False where there are too many: then the answer is over. */
  #take(track: Track | undefined): boolean {
    const { session } = this.#context;
    if (this.#tracks.size >= session.deps.limits.announcementsPerSession) {
      // The peer has the same bound, so it counts in another way than we do.
      session.admission.full("announcements_per_session");
      this.#stream?.stop(session.codes.codeOf("limit"));
      this.#end("limit");
      return false;
    }
    this.#tracks.set(this.#nextId++, track);
    return true;
  }
}
