import type { EndReason } from "../../counters.ts";
import { LazySet } from "../../lazy.ts";
import {
  type Attach,
  type BidiHandler,
  type BidiStream,
  type Link,
  type LinkClosed,
  type LinkHandler,
  PRIORITY_CONTROL,
  type RecvHandler,
  type RecvStream,
} from "../../link.ts";
import { datagramGroup, type Source } from "../../model/index.ts";
import { DEFAULT_WIRE_LIMITS, ProtocolViolation, READ } from "../../wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  decodeDatagram,
  decodeObjectDatagram,
  encodeRequest,
  encodeSetupStream,
  type Setup,
} from "../../wire/lite/index.ts";
import type { AnnounceTable, Following, PushedAsk, PushedSink, Session, SessionDeps } from "../contract.ts";
import { SessionCore } from "../core.ts";
import { PeerSource } from "../peer-source.ts";
import { AnnounceSubscriber } from "./announce-subscriber.ts";
import { sessionCodes, streamCodes } from "./codes.ts";
import type { LiteContext } from "./context.ts";
import { dialectOf } from "./dialect.ts";
import { type BidiHost, IncomingBidi } from "./incoming-bidi.ts";
import { IncomingUni, type UniHost } from "./incoming-uni.ts";
import { PushedSubscriber } from "./pushed-subscriber.ts";
import { LiteSourceProtocol } from "./source-protocol.ts";

/**
 * Starts a moq-lite session on a link: SETUP where the version has it, our announce request, and handlers for what
 * the peer opens. The returned function throws when the link's protocol is none of moq-lite's.
 */
export function liteSession(deps: SessionDeps, started?: (session: Session) => void): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`not a moq-lite protocol: ${link.info.protocol}`);
    const session = new LiteSession(link, caps, deps);
    started?.(session);
    session.start();
    return session;
  };
}

/** One moq-lite session. Owns everything that its peer opened or that we opened there; all of it ends with the link. */
class LiteSession implements Session, LinkHandler {
  readonly announced: Promise<boolean>;
  readonly #core: SessionCore<PeerSource>;
  readonly #context: LiteContext;
  readonly #host: UniHost & BidiHost;
  /** Our requests for announcements. */
  readonly #listeners = new Set<AnnounceSubscriber>();
  /** Our requests for pushed tracks. */
  readonly #pushed = new LazySet<PushedSubscriber>();
  /** Request streams of the peer. */
  readonly #incoming = new Set<IncomingBidi>();
  #goaway: BidiStream | undefined;
  #setup: Setup | undefined;

  constructor(link: Link, caps: Capabilities, deps: SessionDeps) {
    const { pathBytes, trackNameBytes, frameBytes } = deps.limits;
    const wire = { ...DEFAULT_WIRE_LIMITS, pathBytes, trackNameBytes, frameBytes };
    const core = new SessionCore(link, deps, {
      name: "moq-lite",
      codes: streamCodes(caps),
      closeCodeOf: sessionCodes(caps).codeOf,
      dialect: dialectOf(caps),
      source: (session) => new PeerSource(session, new LiteSourceProtocol({ caps, wire })),
    });
    this.#core = core;
    this.#context = { session: core, caps, wire };
    this.#host = {
      setup: (setup) => this.#onSetup(setup),
      subscription: (id) => core.source.subscription(id),
      headerComplete: (stream) => core.headerComplete(stream),
      left: (stream) => {
        this.#incoming.delete(stream);
        core.headerComplete(stream);
      },
      goaway: (uri) => this.#onGoaway(uri),
    };
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.announced = promise;
    if (deps.announcePrefix === undefined) resolve(false);
    else this.#listen(deps.announcePrefix, deps.table ?? deps.broadcasts, resolve);
  }

  get info() {
    return this.#core.link.info;
  }

  get source(): Source {
    return this.#core.source;
  }

  start(): void {
    this.#core.guard(() => {
      if (this.#context.caps.setupStream) this.#sendSetup();
      for (const listener of this.#listeners) listener.start();
    });
  }

  goaway(uri: string): boolean {
    const { caps } = this.#context;
    if (!caps.goaway || this.#core.over || this.#goaway !== undefined) return false;
    this.#core.opener.open({
      handler: { data: () => READ, fin: () => {}, reset: () => {}, stop: () => {} },
      opened: (stream) => {
        this.#goaway = stream;
        // A client cannot tell a server where to connect to (moq-lite GOAWAY).
        const target = caps.strictGoaway && this.info.dialled ? "" : uri;
        stream.write(encodeRequest({ kind: "goaway", uri: target }, caps));
      },
      refused: () => {},
    });
    return true;
  }

  follow(prefix: string, table: AnnounceTable): Following {
    return this.#core.follow((complete) => {
      const listener = this.#listen(prefix, table, complete);
      const stop = () => void (this.#listeners.delete(listener) && listener.cancel());
      return { start: () => listener.start(), stop };
    });
  }

  followPushed(ask: PushedAsk, sink: PushedSink): () => void {
    const core = this.#core;
    if (core.over) {
      sink.closed("closed");
      return () => {};
    }
    const subscriber = new PushedSubscriber(this.#context, ask, sink, () => void this.#pushed.delete(subscriber));
    this.#pushed.add(subscriber);
    core.guard(() => subscriber.start());
    return () => void core.guard(() => subscriber.cancel());
  }

  traffic() {
    return this.#core.traffic();
  }

  figures() {
    return this.#core.figures();
  }

  use() {
    return this.#core.use();
  }

  vitals() {
    return this.#core.vitals();
  }

  probe(): void {
    this.#core.probe();
  }

  retry(): void {
    this.#core.retry();
  }

  close(code: number, message: string): void {
    this.#core.close(code, message);
  }

  end(reason: EndReason, message: string): void {
    this.#core.end(reason, message);
  }

  uni(stream: RecvStream): RecvHandler {
    return this.#core.stream(new IncomingUni(this.#context, this.#host, stream));
  }

  bidi(stream: BidiStream): BidiHandler {
    const incoming = new IncomingBidi(this.#context, this.#host, stream);
    this.#incoming.add(incoming);
    this.#core.requestOpened(this.#incoming.size);
    return this.#core.stream(incoming);
  }

  datagram(bytes: Uint8Array): void {
    this.#core.datagram(bytes, this.#datagrams);
  }

  readonly #datagrams = {
    data: (bytes: Uint8Array) => {
      const core = this.#core;
      core.guard(() => {
        const { caps } = this.#context;
        if (!caps.datagrams) return;
        core.countDatagram(bytes);
        if (caps.objects) {
          const object = decodeObjectDatagram(bytes);
          if (object === undefined) return;
          const { subscribe, ...rest } = object;
          core.source.subscription(subscribe)?.datagram(rest);
          return;
        }
        const datagram = decodeDatagram(bytes, caps.varints);
        if (datagram === undefined) return;
        const { subscribe, sequence, timestamp, payload } = datagram;
        core.source.subscription(subscribe)?.datagram(datagramGroup(sequence, timestamp, payload));
      });
      return READ;
    },
  };

  capacity(): void {
    this.#core.capacity();
  }

  backlog(queued: number): void {
    this.#core.backlog(queued);
  }

  drained(): void {
    this.#core.capacity();
  }

  dark(): void {
    this.#core.dark();
  }

  closed(why: LinkClosed): void {
    const followers = [...this.#listeners, ...this.#pushed];
    const first = [...followers.map((one) => () => one.close()), () => this.#core.source.close()];
    const last = [...this.#incoming].map((incoming) => () => incoming.gone());
    this.#core.closed(why, first, last);
  }

  #listen(prefix: string, table: AnnounceTable, done: (complete: boolean) => void): AnnounceSubscriber {
    const listener = new AnnounceSubscriber(this.#context, prefix, table, done);
    this.#listeners.add(listener);
    return listener;
  }

  /**
   * The peer is leaving: nothing new is asked of it from now on. Only the first GOAWAY counts, since it costs work for each broadcast; a
   * second one breaks the protocol where the version is strict, and so does a client that names a place.
   */
  #onGoaway(uri: string): void {
    const { peer, deps } = this.#core;
    const { strictGoaway } = this.#context.caps;
    if (strictGoaway && !this.info.dialled && uri !== "") throw new ProtocolViolation("GOAWAY", "URI from a client");
    if (strictGoaway && peer.leaving) throw new ProtocolViolation("GOAWAY", "second GOAWAY");
    if (peer.leaving) return;
    peer.leaving = true;
    for (const listener of this.#listeners) listener.leave();
    deps.leaving?.(uri);
  }

  #sendSetup(): void {
    const { link, deps } = this.#core;
    const stream = link.openUni(PRIORITY_CONTROL, { stop: () => {} });
    if (stream === undefined) return;
    const { dialled, binding, path, query } = this.info;
    // Where there is no URI the client says here what it asks for (Path parameter).
    const target = dialled && binding === "quic" ? { path: query === "" ? path : `${path}?${query}` } : {};
    // Always "Report": most engines cannot tell yet what they will know of a link that has just opened.
    stream.write(encodeSetupStream({ probe: 1, role: "both", origin: deps.hop, ...target }, this.#context.caps));
    stream.finish();
  }

  #onSetup(setup: Setup): void {
    const { binding, dialled } = this.info;
    if (this.#setup !== undefined) throw new ProtocolViolation("SETUP", "second Setup Stream");
    if (dialled && setup.role !== "both") throw new ProtocolViolation("Role Parameter", "sent by a server");
    if (setup.path !== undefined && (dialled || binding !== "quic")) {
      throw new ProtocolViolation("Path Parameter", "not on this binding, or sent by a server");
    }
    this.#setup = setup;
    const { peer, serving, deps } = this.#core;
    peer.cost = setup.cost;
    if (setup.origin === undefined) return;
    peer.hop = setup.origin;
    serving.identified();
    deps.identified?.(setup.origin);
  }
}
