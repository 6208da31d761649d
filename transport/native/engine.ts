import type {
  Attach,
  DialOptions,
  Engine,
  EngineDeps,
  FanOut,
  HandshakeCounts,
  Link,
  LinkRequest,
  Listener,
  ListenOptions,
  WorkerPulse,
} from "../../moq/link.ts";
import { resolveHost } from "../shared/index.ts";
import type { Native } from "./addon.ts";
import { type Dialling, failureOf, settingsOf } from "./dial.ts";
import { NativeFanOut } from "./fan-out.ts";
import { Lane } from "./lane.ts";
import { NativeLink } from "./link.ts";
import { NativeListener, transportError } from "./listener.ts";
import { Port } from "./port.ts";
import {
  type EndRecord,
  HANDSHAKE_FIGURES,
  KIND,
  LINK_SLOT,
  type MetaRecord,
  PULSE_FIGURES,
  RECORD,
  STREAM_SLOT,
} from "./records.ts";
import { infoOf, NativeRequest } from "./request.ts";
import type { NativeStream } from "./stream.ts";

/**
 * Size of one batch: its records, and the bytes that they carry. The engine's longest text (`engine/src/batch.rs`) must
 * fit.
 */
const BATCH_RECORDS = 1024;
const BATCH_BYTES = 256 * 1024;

/** Most threads of an engine: `Engine::start` in `engine/src/engine/mod.rs`. */
const MAX_WORKERS = 64;

/** Milliseconds of a turn after which no further batch begins, so that timers and other sockets have their turn. */
const TURN_MS = 8;

const utf8 = new TextDecoder();

/** The engine: tables from ids to objects, and the loop that drains the events of its threads. */
export class NativeEngine implements Engine {
  readonly name = "native";
  readonly dialsAddresses = true;
  readonly trustsRoots = true;
  readonly routable = true;
  readonly clientCertificates = true;
  readonly copies = true;
  readonly port: Port;
  readonly #native: Native;
  readonly #deps: EngineDeps;
  readonly #records = new Uint32Array(BATCH_RECORDS * RECORD);
  /** Not a Buffer: `slice` of a Buffer shares the bytes, and callers rely on a copy. */
  readonly #data = new Uint8Array(BATCH_BYTES);
  /** By slot. */
  readonly #streams: (NativeStream | undefined)[] = [];
  readonly #links: (NativeLink | NativeRequest | undefined)[] = [];
  readonly #listeners = new Map<number, NativeListener>();
  readonly #dials = new Map<number, Dialling>();
  readonly #lane: Lane;
  #nextDial = 1;
  /** The last turn ended before all events were drained; the next one continues. */
  #unfinished = false;

  /** `start` makes the native engine; `wake` is what it calls when events wait. */
  constructor(deps: EngineDeps, start: (wake: () => void) => Native) {
    this.#deps = deps;
    this.#lane = new Lane(() => deps.clock.now());
    this.#native = start(() => this.#called());
    this.port = new Port(this.#native);
  }

  fanOut(): FanOut {
    return new NativeFanOut(this.port);
  }

  async listen(options: ListenOptions, onRequest: (request: LinkRequest) => void): Promise<Listener> {
    const host = await resolveHost(options.host);
    const listener = new NativeListener(this.port, options, onRequest, () => this.#listeners.delete(listener.id));
    listener.bind(host);
    this.#listeners.set(listener.id, listener);
    return listener;
  }

  async dial(options: DialOptions, attach: Attach): Promise<Link> {
    const token = this.#nextDial++;
    const settings = settingsOf(options, token);
    return await new Promise((resolve, reject) => {
      try {
        this.#native.dial(settings);
      } catch (error) {
        reject(transportError(error, "dial_failed"));
        return;
      }
      this.port.live(1);
      this.#dials.set(token, { attach, resolve, reject });
    });
  }

  limitHandshakes(perSecond: number, burst: number): void {
    this.#native.setHandshakeRate(perSecond, burst);
  }

  handshakesLimited(): number {
    return this.#native.handshakesLimited();
  }

  pulses(): WorkerPulse[] {
    const figures = new Float64Array(PULSE_FIGURES * MAX_WORKERS);
    const count = this.#native.pulses(figures);
    return Array.from({ length: count }, (_, index) => {
      const at = PULSE_FIGURES * index;
      const [silentMs = 0, links = 0, busySeconds = 0, queued = 0] = figures.subarray(at, at + PULSE_FIGURES);
      return { silentMs, links, busySeconds, queued };
    });
  }

  handshakes(): HandshakeCounts {
    const figures = new Float64Array(HANDSHAKE_FIGURES);
    this.#native.handshakes(figures);
    const [completed = 0, failed = 0, retried = 0, refused = 0] = figures;
    return { completed, failed, retried, refused };
  }

  close(): void {
    this.#native.stopEngine();
  }

  /** Replaces the key of stateless resets for new connections. False for an engine that was started without one. */
  setResetKey(key: Uint8Array): boolean {
    return this.#native.setResetKey(key) === 1;
  }

  keep(stream: NativeStream): void {
    this.#streams[stream.id & STREAM_SLOT] = stream;
  }

  warn(message: string, error?: unknown): void {
    this.#deps.warn(message, error);
  }

  /** The program accepts a request: its link begins, unless the client has left by then. */
  accepted(request: NativeRequest, attach: Attach, gone: () => void): void {
    this.#lane.add(() => {
      if (request.left) gone();
      else this.#begin(request, attach);
    });
  }

  #begin(request: NativeRequest, attach: Attach): void {
    const link = new NativeLink(this, request.id, request.info);
    this.#links[request.id & LINK_SLOT] = link;
    this.#native.accept(request.id);
    this.port.touch();
    link.attach(attach);
  }

  rejected(request: NativeRequest, status: number): void {
    this.#native.reject(request.id, status);
    this.port.touch();
  }

  /** The engine has events: drains them now, or in the turn that is scheduled already. */
  #called(): void {
    if (!this.#unfinished) this.#drain();
  }

  readonly #drain = (): void => {
    const { clock } = this.#deps;
    const until = clock.now() + TURN_MS;
    this.#unfinished = false;
    do {
      const count = this.#native.poll(this.#records, this.#data);
      if (count === 0) return;
      this.port.dispatching();
      try {
        this.#dispatch(count);
      } finally {
        this.port.dispatched();
      }
    } while (clock.now() < until);
    this.#unfinished = true;
    setImmediate(this.#drain);
  };

  #dispatch(count: number): void {
    const records = this.#records;
    for (let at = 0; at < count * RECORD; at += RECORD) {
      const kind = records[at] ?? 0;
      const link = records[at + 1] ?? 0;
      const other = records[at + 2] ?? 0;
      const first = records[at + 3] ?? 0;
      const second = records[at + 4] ?? 0;
      if (kind === KIND.data) this.#onData(other, first, second);
      else if (kind === KIND.gone) this.#onGone(other);
      else if (kind <= KIND.closed) this.#onLife(kind, link, other, this.#text(first, second));
      else if (kind <= KIND.stop) this.#onStream(kind, link, other, first);
      else this.#onLink(kind, link, other, first, second);
    }
  }

  #onData(id: number, offset: number, length: number): void {
    const stream = this.#stream(id);
    stream?.link.data(stream, new Uint8Array(this.#data.buffer, offset, length));
  }

  #onGone(id: number): void {
    const stream = this.#stream(id);
    this.#streams[id & STREAM_SLOT] = undefined;
    stream?.gone();
  }

  #onStream(kind: number, linkId: number, id: number, code: number): void {
    if (kind === KIND.uni || kind === KIND.bidi) {
      const link = this.#link(linkId);
      if (kind === KIND.uni) link?.uni(id);
      else link?.bidi(id);
      return;
    }
    const stream = this.#stream(id);
    if (stream === undefined) return;
    if (kind === KIND.fin) stream.link.fin(stream);
    else if (kind === KIND.reset) stream.link.reset(stream, code);
    else stream.link.stop(stream, code);
  }

  #onLink(kind: number, id: number, other: number, first: number, second: number): void {
    switch (kind) {
      case KIND.datagram:
        this.#link(id)?.datagram(this.#data.subarray(first, first + second));
        return;
      case KIND.capacity:
        this.#link(id)?.capacity();
        return;
      case KIND.backlog:
        this.#link(id)?.backlog(first);
        return;
      case KIND.drained:
        this.#link(id)?.drained();
        return;
      case KIND.mark:
        this.#stream(other)?.marked();
        return;
      case KIND.unpassed:
        this.#stream(other)?.unpassed();
        return;
      case KIND.dark:
        this.#link(id)?.dark();
        return;
      case KIND.listenerClosed:
        // Its links have ended before it.
        this.#lane.add(() => this.#listeners.get(other)?.closed());
        return;
      default:
        this.#deps.warn(`native: ${this.#text(first, second)}`);
    }
  }

  #onLife(kind: number, id: number, other: number, text: string): void {
    switch (kind) {
      case KIND.request: {
        const listener = this.#listeners.get(other);
        const asked = infoOf(this.name, JSON.parse(text) as MetaRecord, false);
        const none = asked.binding === "webtransport" && asked.protocol === "";
        const info = none ? { ...asked, protocol: listener?.unoffered ?? "" } : asked;
        const request = new NativeRequest(this, id, info);
        this.port.live(1);
        this.#links[id & LINK_SLOT] = request;
        this.#lane.add(() => {
          if (!request.left) listener?.offer(request);
        });
        return;
      }
      case KIND.dialled:
        this.#onDialled(id, other, JSON.parse(text) as MetaRecord);
        return;
      case KIND.dialFailed: {
        const dial = this.#dials.get(other);
        this.#dials.delete(other);
        this.port.live(-1);
        dial?.reject(failureOf(text));
        return;
      }
      default: {
        const link = this.#links[id & LINK_SLOT];
        this.#links[id & LINK_SLOT] = undefined;
        this.port.live(-1);
        const tell = link?.closed(JSON.parse(text) as EndRecord);
        // A relay of the mesh that is lost must be replaced at once.
        if (link?.info.dialled === true) tell?.();
        else if (tell !== undefined) this.#lane.add(tell);
      }
    }
  }

  #onDialled(id: number, token: number, meta: MetaRecord): void {
    const dial = this.#dials.get(token);
    this.#dials.delete(token);
    const link = new NativeLink(this, id, infoOf(this.name, meta, true));
    this.#links[id & LINK_SLOT] = link;
    if (dial === undefined) return;
    link.attach(dial.attach);
    dial.resolve(link);
  }

  #text(offset: number, length: number): string {
    return utf8.decode(this.#data.subarray(offset, offset + length));
  }

  #stream(id: number): NativeStream | undefined {
    const stream = this.#streams[id & STREAM_SLOT];
    return stream?.id === id ? stream : undefined;
  }

  #link(id: number): NativeLink | undefined {
    const link = this.#links[id & LINK_SLOT];
    return link instanceof NativeLink && link.id === id ? link : undefined;
  }
}
