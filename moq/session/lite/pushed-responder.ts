import type { BidiStream } from "../../link.ts";
import type { Broadcast } from "../../model/index.ts";
import { stripPrefix } from "../../path.ts";
import { encodePushed, type PushedRequest } from "../../wire/lite/index.ts";
import type { Responder } from "../responder.ts";
import type { LiteContext } from "./context.ts";

/** Units of work (see `Scheduler`) of a broadcast that is considered, and of a message that is written. */
const CONSIDER_UNITS = 1;
const WRITE_UNITS = 4;

/** Bytes queued on the stream at which it waits for the peer to read, and milliseconds between two checks whether it has. */
const STREAM_QUEUE = 16 * 1024;
const READ_INTERVAL_MS = 10;

/** Serves another relay's request for the tracks that are pushed under a prefix: those that there are, and every change. */
export function servePushed(
  context: LiteContext,
  request: PushedRequest,
  stream: BidiStream,
  done: () => void,
): Responder {
  const responder = new PushedResponder(context, request, stream, () => {
    context.session.serving.watchers.delete(responder);
    done();
  });
  context.session.serving.watchers.add(responder);
  responder.start();
  const close = () => responder.close();
  return { fin: close, gone: close };
}

/** A track that the peer knows of. */
interface Told {
  readonly id: number;
  readonly epoch: bigint;
}

/** Notes which broadcasts changed, and writes what is new of them while the session's share of the turn lasts and the peer reads. */
class PushedResponder {
  readonly #context: LiteContext;
  readonly #prefix: string;
  readonly #elsewhere: boolean;
  readonly #stream: BidiStream;
  readonly #closed: () => void;
  /** By path and name of the track. */
  readonly #told = new Map<string, Map<string, Told>>();
  readonly #changes = new Set<Broadcast>();
  #count = 0;
  #nextId = 0;
  #unwatch = () => {};
  #cancelTimer = () => {};
  #over = false;

  constructor(context: LiteContext, { prefix, elsewhere }: PushedRequest, stream: BidiStream, closed: () => void) {
    this.#context = context;
    this.#prefix = context.session.absolute(prefix);
    this.#elsewhere = elsewhere;
    this.#stream = stream;
    this.#closed = closed;
  }

  start(): void {
    const { session } = this.#context;
    const { broadcasts, access } = session.deps;
    const changed = (broadcast: Broadcast) => void session.guard(() => this.#changed(broadcast));
    // Other relays are asked only for a relay that may have what they have.
    const interests = this.#elsewhere && access.maySubscribe(this.#prefix) ? [this.#prefix] : [];
    this.#unwatch = broadcasts.watch(this.#prefix, { changed, pushed: true }, interests);
    for (const broadcast of broadcasts.list(this.#prefix)) this.#changed(broadcast);
  }

  /** The peer's identity became known: it is not told of what it pushes itself. */
  refresh(): void {
    for (const broadcast of this.#context.session.deps.broadcasts.list(this.#prefix)) this.#changed(broadcast);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#unwatch();
    this.#changes.clear();
    this.#told.clear();
    this.#stream.finish();
    this.#closed();
  }

  #changed(broadcast: Broadcast): void {
    if (this.#over) return;
    // A watcher hears of every broadcast under the prefix, and most have no such track.
    if (!this.#told.has(broadcast.path) && this.#pushed(broadcast) === undefined) return;
    this.#changes.add(broadcast);
    this.#context.session.share.later(this.#write);
  }

  /** The epoch of the broadcast, and its tracks that are pushed. */
  #pushed(broadcast: Broadcast): { readonly epoch: bigint; readonly tracks: ReadonlySet<string> } | undefined {
    const { session } = this.#context;
    const { access } = session.deps;
    if (!access.maySubscribe(broadcast.path)) return undefined;
    const tracks = new Set<string>();
    const routes = broadcast.routes.filter(({ source }) => source !== session.source);
    const epoch = routes[0]?.advertisement.epoch;
    if (epoch === undefined) return undefined;
    for (const { advertisement } of routes) {
      if (advertisement.epoch !== epoch) continue;
      const { pushed, offered } = advertisement;
      for (const track of pushed ?? (this.#elsewhere ? offered : undefined) ?? []) tracks.add(track);
    }
    return tracks.size === 0 ? undefined : { epoch, tracks };
  }

  /** True when nothing is left to write now. */
  readonly #write = (): boolean => {
    const { share, deps } = this.#context.session;
    while (!this.#over && share.open) {
      const [broadcast] = this.#changes;
      if (broadcast === undefined) return true;
      if (this.#stream.queued >= STREAM_QUEUE) {
        this.#cancelTimer();
        this.#cancelTimer = deps.clock.timer(READ_INTERVAL_MS, () => share.later(this.#write));
        return true;
      }
      this.#changes.delete(broadcast);
      share.left -= CONSIDER_UNITS;
      this.#tell(broadcast);
    }
    return this.#over;
  };

  /** Writes what the peer does not know of one broadcast. */
  #tell(broadcast: Broadcast): void {
    const { path } = broadcast;
    const now = this.#pushed(broadcast);
    const told = this.#told.get(path) ?? new Map<string, Told>();
    for (const [track, { id, epoch }] of told) {
      if (now?.tracks.has(track) === true && now.epoch === epoch) continue;
      told.delete(track);
      this.#count--;
      this.#send({ kind: "end", id });
    }
    for (const track of now?.tracks ?? [])
      if (now !== undefined && !told.has(track)) this.#start(told, path, track, now.epoch);
    if (told.size === 0) this.#told.delete(path);
    else this.#told.set(path, told);
  }

  #start(told: Map<string, Told>, path: string, track: string, epoch: bigint): void {
    const { admission, deps } = this.#context.session;
    if (this.#count >= deps.limits.announcementsPerSession) {
      admission.full("announcements_per_session");
      return;
    }
    this.#count++;
    told.set(track, { id: this.#nextId++, epoch });
    this.#send({ kind: "start", suffix: stripPrefix(this.#prefix, path) ?? "", epoch, track });
  }

  #send(message: Parameters<typeof encodePushed>[0]): void {
    this.#context.session.share.left -= WRITE_UNITS;
    this.#stream.write(encodePushed(message, this.#context.caps));
  }
}
