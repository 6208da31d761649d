import type { BidiStream } from "../../link.ts";
import type { SubscribeOptions } from "../../model/index.ts";
import type { Reason } from "../../reason.ts";
import { BoundExceeded, READ, RequestViolation } from "../../wire/codec/index.ts";
import {
  type AnnounceRequest,
  type Request,
  RequestReader,
  type Subscribe,
  type SubscribeUpdate,
} from "../../wire/lite/index.ts";
import type { Admitted } from "../admission.ts";
import { ANNOUNCE_HOLD_MS, AnnounceResponder } from "../announce-responder.ts";
import { serveFetch, serveRange } from "../fetch-responder.ts";
import { isGroup } from "../group-by-group.ts";
import type { TurnHandler } from "../intake.ts";
import type { Responder } from "../responder.ts";
import { SubscribeResponder } from "../subscribe-responder.ts";
import { serveTrack } from "../track-responder.ts";
import { LiteAnnounceWriter } from "./announce-writer.ts";
import type { LiteContext } from "./context.ts";
import { ObjectFetchWriter } from "./fetch-writer.ts";
import { FrameFetchWriter } from "./frame-fetch-writer.ts";
import { serveProbe } from "./probe-responder.ts";
import { servePushed } from "./pushed-responder.ts";
import { fromWire, rangeFromWire } from "./ranges.ts";
import { LiteSubscribeWriter } from "./subscribe-writer.ts";
import { trackWriter } from "./track-writer.ts";

/** What a bidirectional stream of the peer needs of its session. */
export interface BidiHost {
  /** The first message of the stream is complete. */
  headerComplete(stream: IncomingBidi): void;
  /** The stream is over. */
  left(stream: IncomingBidi): void;
  /** The peer is leaving, for `uri` where it is not empty. */
  goaway(uri: string): void;
}

/** A bidirectional stream of the peer: its first message says what serves it (moq-lite Bidirectional Streams). */
export class IncomingBidi implements TurnHandler {
  readonly #context: LiteContext;
  readonly #host: BidiHost;
  readonly #stream: BidiStream;
  readonly #reader: RequestReader;
  #responder: Responder | undefined;
  #update: ((update: SubscribeUpdate) => void) | undefined;
  /** Cancels the wait for a route to what is asked for. */
  #stopWaiting = () => {};
  #over = false;

  constructor(context: LiteContext, host: BidiHost, stream: BidiStream) {
    this.#context = context;
    this.#host = host;
    this.#stream = stream;
    this.#reader = new RequestReader(context.caps, context.wire);
  }

  data(bytes: Uint8Array): Uint8Array {
    if (this.#over) return READ;
    return this.#context.session.guard(() => this.#read(bytes)) ?? READ;
  }

  fin(): void {
    if (this.#over) return;
    this.#context.session.guard(() => {
      if (this.#reader.finish()) this.#responder?.fin();
      else this.refuse("protocol");
    });
  }

  reset(): void {
    this.#context.session.guard(() => this.gone());
  }

  stop(): void {
    this.#context.session.guard(() => this.gone());
  }

  /** The peer gave the stream up, or the session is over. */
  gone(): void {
    if (this.#over) return;
    this.#done();
    if (this.#responder === undefined) this.#stream.finish();
    else this.#responder.gone();
  }

  refuse(reason: Reason): void {
    if (this.#over) return;
    this.#done();
    const code = this.#context.session.codes.codeOf(reason);
    this.#stream.reset(code);
    this.#stream.stop(code);
  }

  #read(bytes: Uint8Array): Uint8Array {
    const { share, admission } = this.#context.session;
    let rest: Uint8Array = READ;
    try {
      rest = this.#reader.push(bytes, (request) => this.#on(request), share);
    } catch (error) {
      if (error instanceof BoundExceeded) this.refuse(admission.full(error.bound));
      else if (error instanceof RequestViolation) this.#refuseViolation();
      else throw error;
    }
    const unanswered = this.#reader.probe && this.#responder === undefined && !this.#over;
    if (unanswered) this.#on({ kind: "probe", bitrate: 0, rtt: 0 });
    return rest;
  }

  /** A request or an update that contradicts itself ends the request. */
  #refuseViolation(): void {
    this.#context.session.deps.broadcasts.counters.protocolViolations++;
    this.#end("protocol");
  }

  /** Ends a request, whether it is being served or not. */
  #end(reason: Reason): void {
    if (this.#responder?.refuse === undefined) this.refuse(reason);
    else if (!this.#over) this.#responder.refuse(reason);
  }

  /** A request for a path without a route waits as long as other relays are asked, and no longer (moq-lite Subscribe). */
  #awaitRoute(path: string): void {
    const { session, caps } = this.#context;
    const { broadcasts, clock } = session.deps;
    const isMissing = () => broadcasts.resolve(path) === undefined;
    if (!caps.promptRefusal || this.#over || !isMissing()) return;
    this.#stopWaiting = clock.timer(ANNOUNCE_HOLD_MS, () => {
      if (isMissing()) session.guard(() => this.#end("not_found"));
    });
  }

  #on(request: Request): void {
    if (request.kind === "subscribeUpdate") {
      this.#update?.(request);
      return;
    }
    // A further target of a probe: we only report, and send no padding to reach a target.
    if (request.kind === "probe" && this.#responder !== undefined) return;
    this.#host.headerComplete(this);
    const responder = this.#serve(request);
    if (typeof responder === "string") {
      this.refuse(responder);
      return;
    }
    this.#responder = responder;
    if (request.kind === "subscribe" || request.kind === "track") {
      this.#awaitRoute(this.#context.session.absolute(request.path));
    }
  }

  #serve(request: Request): Responder | Reason {
    const { session } = this.#context;
    const { admission } = session;
    switch (request.kind) {
      case "announce":
        return this.#admit(admission.announce(), (done) => this.#announce(request, done));
      case "subscribe":
        return this.#admit(admission.subscribe(session.absolute(request.path), request.track), (done) =>
          this.#subscribe(request, done),
        );
      case "track": {
        const { track, epoch } = request;
        const path = session.absolute(request.path);
        const writer = trackWriter(this.#context, this.#stream);
        return this.#admit(admission.track(path, track), (done) =>
          serveTrack(session, { path, track, epoch }, writer, done),
        );
      }
      case "fetch": {
        const { track, epoch, priority, group } = request;
        const path = session.absolute(request.path);
        const { caps } = this.#context;
        if (caps.objects) {
          const ask = { path, track, epoch, priority, range: rangeFromWire(request) };
          const writer = new ObjectFetchWriter(this.#context, this.#stream);
          return this.#admit(admission.fetch(path, track), (done) =>
            serveRange(session, ask, this.#stream, writer, done),
          );
        }
        const ask = { path, track, epoch, priority, group, ownNumbers: caps.firstHopIdentity };
        const range = rangeFromWire(request);
        if (isGroup(range)) {
          return this.#admit(admission.fetch(path, track), (done) => serveFetch(session, ask, this.#stream, done));
        }
        const frames = new FrameFetchWriter(this.#context, this.#stream, range.start.object);
        return this.#admit(admission.fetch(path, track), (done) =>
          serveRange(session, { ...ask, range }, this.#stream, frames, done),
        );
      }
      case "pushed":
        if (session.deps.ownNumbers !== true) return "unauthorized";
        return this.#admit(admission.announce(), (done) => servePushed(this.#context, request, this.#stream, done));
      case "probe":
        return this.#admit(admission.probe(), (done) => serveProbe(this.#context, this.#stream, done));
      case "goaway":
        this.#host.goaway(request.uri);
        return { fin: () => this.gone(), gone: () => this.#stream.finish() };
      case "subscribeUpdate":
      case "unknown":
        return "unsupported";
    }
  }

  #announce(request: AnnounceRequest, done: () => void): Responder {
    const { session, caps } = this.#context;
    const { prefix, excludeHop, ended, hidden = false } = request;
    const absolute = session.absolute(prefix);
    const hideBelow = caps.hiddenNames && !hidden ? absolute : undefined;
    const ask = { prefix: absolute, excludeHop, ended, hideBelow };
    const responder = new AnnounceResponder(session, ask, new LiteAnnounceWriter(this.#context, this.#stream), () => {
      session.serving.watchers.delete(responder);
      done();
    });
    session.serving.watchers.add(responder);
    responder.start();
    return { fin: () => responder.finish(), gone: () => responder.close() };
  }

  #subscribe(request: Subscribe, done: () => void): Responder {
    const { session } = this.#context;
    const { path, track, epoch, ...options } = request;
    const ask = { path: session.absolute(path), track, epoch, options: this.#options(options) };
    const writer = new LiteSubscribeWriter(this.#context, this.#stream, request);
    const viewer = new SubscribeResponder(session, ask, writer, () => {
      session.serving.left(viewer);
      done();
    });
    this.#update = (update) => viewer.update(this.#options(update));
    session.serving.join(viewer);
    viewer.start();
    const cancel = () => viewer.cancel();
    return { fin: cancel, gone: cancel, refuse: (reason) => viewer.refuse(reason) };
  }

  /** What the subscriber asks for, as the model has it. */
  #options(update: SubscribeUpdate): SubscribeOptions {
    const options = fromWire(update);
    return this.#context.caps.groupFloor ? { ...options, byMaxAge: true } : options;
  }

  /** Serves a request that was admitted; `done` is called when it is over. */
  #admit(admitted: Admitted, serve: (done: () => void) => Responder): Responder | Reason {
    if (typeof admitted === "string") return admitted;
    return serve(() => {
      admitted();
      this.#done();
    });
  }

  #done(): void {
    this.#over = true;
    this.#stopWaiting();
    this.#host.left(this);
  }
}
