import type { BidiStream } from "../../link.ts";
import type { Broadcast } from "../../model/index.ts";
import { stripPrefix } from "../../path.ts";
import {
  type FullTrackName,
  type Message,
  type NamespaceRequest,
  namespaceOf,
  trackNameOf,
} from "../../wire/ietf/index.ts";
import type { IetfContext } from "./context.ts";
import { namespaceExpiryOf } from "./expiry.ts";
import { keyOf, type NamedTrack } from "./named-track.ts";
import { absolutePath } from "./names.ts";
import { OwnPublish } from "./own-publish.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import type { RequestResponder } from "./request-responder.ts";
import { send } from "./stream-context.ts";

/** Units of work (see `Scheduler`) of a track that is considered. */
const CONSIDER_UNITS = 4;

/** SUBSCRIBE_TRACKS: the peer gets a PUBLISH for each track under a prefix that a publisher pushes, to this relay or to another one. */
export function serveSubscribeTracks(
  context: IetfContext,
  request: NamespaceRequest,
  stream: BidiStream,
  over: () => void,
): RequestResponder | Refusal {
  const prefix = absolutePath(request.namespace, context);
  if (typeof prefix !== "string") return prefix;
  const claimed = context.prefixes.take("subscribeTracks", prefix);
  if (claimed === undefined) {
    return {
      reason: "duplicate",
      error: "prefix_overlap",
      text: "the prefix overlaps with one that this session follows already",
    };
  }
  const admitted = context.session.admission.announce();
  if (typeof admitted === "string") {
    claimed();
    return refusalOf(admitted);
  }
  const forward = request.parameters.forward !== false;
  const watch = new TracksWatch(context, stream, { prefix, forward }, () => {
    claimed();
    admitted();
    over();
  });
  watch.start();
  return watch;
}

/** One request for tracks. */
class TracksWatch implements RequestResponder {
  readonly #context: IetfContext;
  readonly #stream: BidiStream;
  readonly #prefix: string;
  readonly #forward: boolean;
  readonly #left: () => void;
  /** By path, the pushed tracks for which we have sent the peer a PUBLISH or PUBLISH_SKIPPED. */
  readonly #offered = new Map<string, Set<string>>();
  /** Keys of the tracks whose PUBLISH runs. Such a track is not offered again, also when relays name it no more for a moment. */
  readonly #running = new Set<string>();
  #unwatch = () => {};
  #over = false;

  constructor(
    context: IetfContext,
    stream: BidiStream,
    { prefix, forward }: { readonly prefix: string; readonly forward: boolean },
    left: () => void,
  ) {
    this.#context = context;
    this.#stream = stream;
    this.#prefix = prefix;
    this.#forward = forward;
    this.#left = left;
  }

  start(): void {
    const { session } = this.#context;
    const { broadcasts, access } = session.deps;
    send(
      this.#stream,
      { kind: "requestOk", parameters: namespaceExpiryOf(this.#context), properties: NONE },
      this.#context,
    );
    const changed = (broadcast: Broadcast) => void session.guard(() => this.#consider(broadcast));
    this.#unwatch = broadcasts.watch(this.#prefix, { changed, pushed: true }, access.watchable(this.#prefix));
    for (const broadcast of broadcasts.list(this.#prefix)) this.#consider(broadcast);
  }

  fin(): void {
    if (this.#context.caps.finCancels) this.gone();
  }

  /** Subscriptions that exist by now stay. */
  gone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#unwatch();
    this.#stream.finish();
    this.#left();
  }

  message(message: Message): void {
    if (message.kind !== "requestUpdate") return;
    send(
      this.#stream,
      { kind: "requestOk", parameters: namespaceExpiryOf(this.#context), properties: NONE },
      this.#context,
    );
  }

  /** Offers the tracks of the broadcast that are new, but for those that the peer itself pushes. */
  #consider(broadcast: Broadcast): void {
    const { session } = this.#context;
    if (this.#over || !session.deps.access.maySubscribe(broadcast.path)) return;
    const pushed = new Set<string>();
    for (const { source, advertisement } of broadcast.routes) {
      if (source === session.source) continue;
      for (const track of advertisement.pushed ?? advertisement.offered ?? []) pushed.add(track);
    }
    session.share.left -= CONSIDER_UNITS * pushed.size;
    this.#forget(broadcast.path, pushed);
    for (const track of pushed) this.#offer({ path: broadcast.path, track });
  }

  /** Tracks that are no longer pushed are offered again when they come back. */
  #forget(path: string, pushed: ReadonlySet<string>): void {
    const offered = this.#offered.get(path);
    if (offered === undefined) return;
    for (const track of offered) {
      if (!pushed.has(track) && !this.#running.has(keyOf({ path, track }))) offered.delete(track);
    }
    if (offered.size === 0) this.#offered.delete(path);
  }

  #offer(named: NamedTrack): void {
    const { path, track } = named;
    const { served, session, caps } = this.#context;
    const offered = this.#offered.get(path) ?? new Set<string>();
    if (offered.has(track) || (!caps.severalSubscriptions && served.has(named))) return;
    const name = this.#nameOf(named, session.deps.access.root);
    if (name === undefined) return;
    this.#offered.set(path, offered.add(track));
    this.#running.add(keyOf(named));
    const publish = new OwnPublish(this.#context, { ...named, name, forward: this.#forward }, (why) => {
      this.#running.delete(keyOf(named));
      if (why === "blocked") this.#blocked(named);
      else offered.delete(track);
    });
    if (!publish.start()) this.#running.delete(keyOf(named));
  }

  /** The peer allows no stream for a PUBLISH. It may subscribe instead. */
  #blocked(named: NamedTrack): void {
    const suffix = this.#nameOf(named, this.#prefix);
    if (suffix !== undefined && !this.#over) send(this.#stream, { kind: "publishSkipped", ...suffix }, this.#context);
  }

  /** The full name of a track, without the part of its namespace that `prefix` stands for. */
  #nameOf({ path, track }: NamedTrack, prefix: string): FullTrackName | undefined {
    const namespace = namespaceOf(stripPrefix(prefix, path) ?? "");
    const name = trackNameOf(track);
    return namespace === undefined || name === undefined ? undefined : { namespace, name };
  }
}

const NONE = new Uint8Array(0);
