import type { EndReason } from "../../counters.ts";
import type { Attach, BidiHandler, BidiStream, Link, LinkClosed, RecvHandler, RecvStream } from "../../link.ts";
import type { Source } from "../../model/index.ts";
import { DEFAULT_WIRE_LIMITS, READ } from "../../wire/codec/index.ts";
import {
  type Capabilities,
  capabilities,
  type Goaway,
  type Message,
  TokenCache,
  terminationCode,
} from "../../wire/ietf/index.ts";
import type { AnnounceTable, Following, Session, SessionDeps } from "../contract.ts";
import { SessionCore } from "../core.ts";
import type { Unopened } from "../header-sweep.ts";
import type { TurnHandler } from "../intake.ts";
import { PeerSource } from "../peer-source.ts";
import { closeCodeOf, streamCodes, violationCode } from "./codes.ts";
import type { IetfContext } from "./context.ts";
import { ControlStreams, TOKEN_CACHE_BYTES } from "./control-streams.ts";
import { takeDatagram } from "./datagrams.ts";
import { dialectOf } from "./dialect.ts";
import { type BidiHost, IncomingBidi } from "./incoming-bidi.ts";
import { IncomingUni, type UniHost } from "./incoming-uni.ts";
import { type MessageCodec, streamCodec } from "./message-codec.ts";
import { type MultiplexedSession, Multiplexer } from "./multiplexed/index.ts";
import { NamespaceAnnouncer } from "./namespace-announcer.ts";
import { NamespaceSubscriber } from "./namespace-subscriber.ts";
import { OwnFetches } from "./own-fetches.ts";
import { PeerNamespaces } from "./peer-namespaces.ts";
import { PrefixClaims } from "./prefix-claims.ts";
import { RequestIds } from "./request-ids.ts";
import { ServedSubscriptions } from "./served-subscriptions.ts";
import { IetfSourceProtocol } from "./source-protocol.ts";
import { fromPeer } from "./stream-context.ts";
import { TokenWatch } from "./token-watch.ts";
import { TrackAliases } from "./track-aliases.ts";

/** Starts a moq-transport session on a link. The returned function throws when the link's protocol is none of moq-transport's. */
export function ietfSession(deps: SessionDeps, started?: (session: Session) => void): Attach {
  return (link) => {
    const caps = capabilities(link.info.protocol);
    if (caps === undefined) throw new Error(`not a moq-transport protocol: ${link.info.protocol}`);
    const ids = new RequestIds(link.info.dialled);
    const context = fromPeer(link.info, caps);
    const multiplexer = caps.requestStreams
      ? undefined
      : new Multiplexer({ link, ids, fromPeer: context, client: link.info.dialled });
    const codec = multiplexer?.tickets ?? streamCodec(context);
    const session = new IetfSession(multiplexer?.link ?? link, { caps, ids, codec, multiplexer }, deps);
    multiplexer?.attach(session);
    started?.(session);
    session.start();
    return multiplexer ?? session;
  };
}

/** How the messages of a session travel. */
interface Wiring {
  readonly caps: Capabilities;
  readonly ids: RequestIds;
  readonly codec: MessageCodec;
  /** Where all requests share one control stream. */
  readonly multiplexer: Multiplexer | undefined;
}

/** One moq-transport session. Owns everything that its peer opened or that we opened there; all of it ends with the link. */
class IetfSession implements Session, MultiplexedSession {
  readonly announced: Promise<boolean>;
  readonly #core: SessionCore<PeerSource>;
  readonly #context: IetfContext;
  readonly #control: ControlStreams;
  readonly #host: UniHost & BidiHost;
  /** Our requests for namespaces. */
  readonly #followers = new Set<NamespaceSubscriber>();
  /** What a client announces unasked. */
  readonly #announcer: NamespaceAnnouncer | undefined;
  /** Request streams of the peer. */
  readonly #incoming = new Set<IncomingBidi>();

  constructor(link: Link, { caps, ids, codec, multiplexer }: Wiring, deps: SessionDeps) {
    const { clock, limits } = deps;
    const { pathBytes, trackNameBytes, frameBytes } = limits;
    const { dialled } = link.info;
    const parts = {
      caps,
      wire: { ...DEFAULT_WIRE_LIMITS, pathBytes, trackNameBytes, frameBytes },
      side: dialled ? ("client" as const) : ("server" as const),
      ids,
      codec,
      aliases: new TrackAliases(clock),
      fetches: new OwnFetches(),
    };
    const core = new SessionCore(link, deps, {
      name: "moq-transport",
      codes: streamCodes(caps),
      closeCodeOf: (reason) => closeCodeOf(reason, caps),
      violationCode: (violation) => violationCode(violation, caps),
      dialect: dialectOf(caps),
      source: (session) => new PeerSource(session, new IetfSourceProtocol({ session, ...parts })),
    });
    this.#core = core;
    this.#context = {
      session: core,
      ...parts,
      served: new ServedSubscriptions(),
      prefixes: new PrefixClaims(),
      tokens: new TokenCache(TOKEN_CACHE_BYTES),
      tokenWatch: new TokenWatch(core),
      pushed: core.source.pushed,
      setup: () => this.#control.setup,
      namespaces: new PeerNamespaces(core),
    };
    const control = new ControlStreams(this.#context, { goaway: (message) => this.#onGoaway(message) }, multiplexer);
    this.#control = control;
    this.#host = {
      control,
      headerComplete: (stream) => core.headerComplete(stream),
      left: (stream) => {
        this.#incoming.delete(stream);
        core.headerComplete(stream);
      },
      get destination() {
        return control.destination;
      },
    };
    if (dialled) this.#announcer = new NamespaceAnnouncer(this.#context);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.announced = promise;
    // A client that publishes announces its namespaces unasked, and one that watches need not understand the question.
    if (deps.announcePrefix === undefined || !dialled) resolve(false);
    else this.#follow(deps.announcePrefix, deps.table ?? deps.broadcasts, resolve);
  }

  get info() {
    return this.#core.link.info;
  }

  get source(): Source {
    return this.#core.source;
  }

  start(): void {
    this.#core.guard(() => {
      this.#control.open();
      for (const follower of this.#followers) follower.start();
      this.#announcer?.open();
    });
  }

  goaway(uri: string): boolean {
    return this.#core.guard(() => this.#control.goaway(uri)) ?? false;
  }

  follow(prefix: string, table: AnnounceTable): Following {
    return this.#core.follow((complete) => {
      const follower = this.#follow(prefix, table, complete);
      const stop = () => void (this.#followers.delete(follower) && follower.cancel());
      return { start: () => follower.start(), stop };
    });
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

  /** The empty datagram of the shared parts is a violation in moq-transport. */
  probe(): void {
    this.#control.probe();
  }

  retry(): void {
    this.#core.retry();
  }

  /** A session that ends after our GOAWAY, while the peer is still there, ends with the code for that. */
  close(code: number, message: string): void {
    const late = code === 0 && this.#control.draining;
    this.#core.close(late ? terminationCode("goaway_timeout", this.#context.caps) : code, message);
  }

  end(reason: EndReason, message: string): void {
    this.#core.end(reason, message);
  }

  /** As {@link MultiplexedSession} has it. */
  intake(handler: TurnHandler): BidiHandler {
    return this.#core.control(handler);
  }

  requestStream(handler: TurnHandler & Unopened): BidiHandler {
    return this.#core.stream(handler);
  }

  headerComplete(handler: Unopened): void {
    this.#core.headerComplete(handler);
  }

  control(message: Message): void {
    this.#control.message(message);
  }

  controlLost(): void {
    this.#core.guard(() => this.#control.lost());
  }

  guard<T>(work: () => T): T | undefined {
    return this.#core.guard(work);
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
      this.#core.guard(() => {
        this.#core.countDatagram(bytes);
        takeDatagram(bytes, this.#context);
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
    const { aliases, fetches, namespaces } = this.#context;
    const first = [
      () => namespaces.close(),
      ...[...this.#followers].map((follower) => () => follower.close()),
      () => this.#core.source.close(),
      () => fetches.close(),
    ];
    const last = [
      ...[...this.#incoming].map((incoming) => () => incoming.gone()),
      () => aliases.close(),
      () => this.#context.tokenWatch.close(),
      () => this.#control.close(),
    ];
    this.#core.closed(why, first, last);
  }

  #follow(prefix: string, table: AnnounceTable, done: (complete: boolean) => void): NamespaceSubscriber {
    const follower = new NamespaceSubscriber(this.#context, prefix, table, done);
    this.#followers.add(follower);
    return follower;
  }

  /** The peer is leaving: nothing new is asked of it from now on. */
  #onGoaway({ uri }: Goaway): void {
    const { peer, deps } = this.#core;
    peer.leaving = true;
    this.#announcer?.close();
    this.#context.namespaces.leave();
    this.#core.source.pushed.leave();
    deps.leaving?.(uri);
  }
}
