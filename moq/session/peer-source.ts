import { LazyMap, LazySet } from "../lazy.ts";
import type {
  Asker,
  FetchRange,
  FetchWriter,
  Source,
  SubscribeOptions,
  TrackInfo,
  Upstream,
  UpstreamSink,
} from "../model/index.ts";
import type { Reason } from "../reason.ts";
import { BoundExceeded, READ } from "../wire/codec/index.ts";
import type { SessionContext } from "./context.ts";
import { fetchGroupByGroup, isGroup } from "./group-by-group.ts";
import { PushedTracks } from "./pushed-tracks.ts";
import type { AskedTrack, SourceProtocol } from "./source-protocol.ts";
import { UpstreamRequest, type UpstreamRequestEvents } from "./upstream-request.ts";
import { UpstreamSubscription } from "./upstream-subscription.ts";

/** The peer as a place to subscribe at. One for each session. */
export class PeerSource implements Source {
  readonly hasInfo: boolean;
  /** The tracks that the peer pushes. Subscriptions of them send no request of their own. */
  readonly pushed: PushedTracks;
  readonly #session: SessionContext;
  readonly #protocol: SourceProtocol;
  readonly #subscriptions = new LazyMap<number, UpstreamSubscription>();
  /** Requests that wait for an answer. */
  readonly #requests = new LazySet<UpstreamRequest>();
  #nextId = 0;

  constructor(session: SessionContext, protocol: SourceProtocol) {
    this.#session = session;
    this.#protocol = protocol;
    this.pushed = new PushedTracks(session);
    this.hasInfo = protocol.hasInfo;
  }

  ofEpoch(epoch: bigint): Source {
    return {
      hasInfo: this.hasInfo,
      subscribe: (path, track, options, sink, asker) => this.#subscribe({ path, track, epoch }, options, sink, asker),
      info: (path, track, answer, asker) => this.#info({ path, track, epoch }, answer, asker),
      fetch: (path, track, range, priority, writer, asker) =>
        this.#fetch({ path, track, epoch }, range, priority, writer, asker),
    };
  }

  subscribe(path: string, track: string, options: SubscribeOptions, sink: UpstreamSink, asker?: Asker): Upstream {
    return this.#subscribe({ path, track, epoch: 0n }, options, sink, asker);
  }

  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void {
    return this.#info({ path, track, epoch: 0n }, answer, asker);
  }

  fetch(
    path: string,
    track: string,
    range: FetchRange,
    priority: number,
    writer: FetchWriter,
    asker?: Asker,
  ): () => void {
    return this.#fetch({ path, track, epoch: 0n }, range, priority, writer, asker);
  }

  /** Our subscription of that id, which the groups of the peer name. */
  subscription(id: number): UpstreamSubscription | undefined {
    return this.#subscriptions.get(id);
  }

  /** The session is over. */
  close(): void {
    this.pushed.close();
    for (const subscription of [...this.#subscriptions.values()]) subscription.close("upstream");
    for (const request of [...this.#requests]) request.fail("upstream");
  }

  #subscribe(wanted: AskedTrack, options: SubscribeOptions, sink: UpstreamSink, asker: Asker | undefined): Upstream {
    const joined = this.pushed.join(wanted, options, sink);
    if (joined !== undefined) return joined;
    const id = this.#nextId++;
    const at = this.#reach(wanted);
    if ("refused" in at) {
      sink.closed(at.refused);
      return ENDED;
    }
    const messages = this.#protocol.subscribe(id, at.asked, sink, {
      subgroup: (start) => subscription.subgroup(start),
      datagram: (datagram) => subscription.datagram(datagram),
      counted: (streams) => subscription.counted(streams),
      ended: (reason) => subscription.ended(reason),
      send: (message) => subscription.send(message),
    });
    const gone = () => {
      this.#subscriptions.delete(id);
      messages.gone?.();
    };
    const deps = { session: this.#session, messages, sink, mayBeSilent: this.hasInfo, gone };
    const subscription = new UpstreamSubscription(deps, options);
    this.#subscriptions.set(id, subscription);
    subscription.open(asker);
    return subscription;
  }

  #info(wanted: AskedTrack, answer: (result: TrackInfo | Reason) => void, asker: Asker | undefined): () => void {
    const pushed = this.pushed.info(wanted);
    if (pushed !== undefined) {
      answer(pushed);
      return () => {};
    }
    const at = this.#reach(wanted);
    if ("refused" in at) {
      answer(at.refused);
      return () => {};
    }
    const { share } = this.#session;
    const messages = this.#protocol.info(at.asked, (info) => request.end(() => answer(info)));
    const request = this.#request({
      opened: (stream) => stream.write(messages.request),
      data: (bytes) => messages.answer.push(bytes, share),
      ended: (reason) => answer(reason ?? "protocol"),
    });
    request.open(asker);
    return () => request.cancel();
  }

  #fetch(
    wanted: AskedTrack,
    range: FetchRange,
    priority: number,
    writer: FetchWriter,
    asker: Asker | undefined,
  ): () => void {
    const at = this.#reach(wanted);
    if ("refused" in at) {
      writer.reset(at.refused);
      return () => {};
    }
    const own = this.#protocol.startFetch?.(at.asked, { range, priority, writer }, (on) => this.#request(on), asker);
    if (own !== undefined) return own;
    const { share, codes, admission } = this.#session;
    const messages = this.#protocol.fetch(at.asked, range, priority, writer);
    if (messages === undefined) {
      if (isGroup(range)) {
        writer.reset("unsupported");
        return () => {};
      }
      return fetchGroupByGroup(range, writer, (one, part) => this.#fetch(wanted, one, priority, part, asker));
    }
    const request = this.#request({
      opened: (stream) => {
        writer.onStop((reason) => stream.stop(codes.codeOf(reason)));
        stream.write(messages.request);
      },
      data: (bytes, stream) => {
        try {
          return messages.answer.push(bytes, share);
        } catch (error) {
          if (!(error instanceof BoundExceeded)) throw error;
          admission.full(error.bound);
          stream.stop(codes.codeOf("frame_too_large"));
          request.end(() => writer.reset("frame_too_large"));
          return READ;
        }
      },
      ended: (reason) => {
        if (reason !== undefined) return writer.reset(reason);
        messages.answer.finish();
        writer.finish();
      },
    });
    request.open(asker);
    return () => request.cancel();
  }

  #request(on: UpstreamRequestEvents): UpstreamRequest {
    const request = new UpstreamRequest(this.#session, on, () => this.#requests.delete(request));
    this.#requests.add(request);
    return request;
  }

  /** The track as the peer has it, or why the peer cannot be asked. */
  #reach({ path, track, epoch }: AskedTrack): { asked: AskedTrack } | { refused: Reason } {
    const { over, peer } = this.#session;
    if (over || peer.leaving) return { refused: "upstream" };
    const relative = this.#session.relative(path);
    if (relative === undefined) return { refused: "unroutable" };
    const asked = { path: relative, track, epoch };
    return this.#protocol.canName?.(asked) === false ? { refused: "unsupported" } : { asked };
  }
}

/** A subscription that was refused. */
const ENDED: Upstream = { update: () => {}, cancel: () => {} };
