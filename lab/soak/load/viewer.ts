import { IncomingGroup } from "../../../bench/load/incoming-group.ts";
import type { LoadSession, Part } from "../../../bench/load/session.ts";
import { type BidiStream, PRIORITY_CONTROL, type RecvHandler, type RecvStream } from "../../../moq/link.ts";
import {
  encodeRequest,
  encodeSubscribeUpdate,
  type OpeningRequest,
  type Request,
} from "../../../moq/wire/lite/index.ts";
import { groupNow, type Stage, TRACK } from "./stage.ts";

/** Part of the groups that a viewer stops while they arrive. */
const STOPPED = 0.05;

/** Groups behind the newest one that a fetch may ask for: the cache has some of them. */
const FETCHED_BACK = 20;

const CODES = [0, 0, 0, 1, 4_242];

/** Part of the viewers that do nothing more at the end, until the relay closes their session. */
const IDLE = 0.03;

/** How one request ends: in order, by a reset, or only with its session. */
type Ending = "finish" | "reset" | "stay";
const ENDINGS: readonly Ending[] = ["finish", "finish", "reset", "stay"];

/** One session of a viewer: a few requests, some of them at the same time; then it leaves in one of several ways. */
export class Viewer implements Part {
  readonly broadcasts: readonly string[] = [];
  readonly #stage: Stage;
  readonly #path: () => string;
  readonly #over = Promise.withResolvers<void>();
  #session: LoadSession | undefined;
  #acts: number;
  #subscriptions = 0;
  #left = false;

  /** `path` names a broadcast, or one that does not exist. */
  constructor(stage: Stage, path: () => string) {
    this.#stage = stage;
    this.#path = path;
    this.#acts = stage.chance.whole(0, 4);
  }

  /** Resolves when the session is over. */
  async run(): Promise<void> {
    const { start, chance } = this.#stage;
    const link = await this.#stage.dial(start.edges, chance.pick(start.tokens.watch), this);
    if (link !== undefined) await this.#over.promise;
  }

  leave(): void {
    this.#left = true;
    this.#session?.link.close(this.#stage.chance.pick(CODES), "");
  }

  start(session: LoadSession): void {
    this.#session = session;
    if (this.#left) this.leave();
    // Requests may be opened once the dial has returned.
    else this.#stage.later(0, 10, () => this.#next());
  }

  request(request: Request, stream: BidiStream): void {
    if (request.kind !== "goaway") return;
    stream.finish();
    this.leave();
  }

  uni(stream: RecvStream): RecvHandler {
    const session = this.#session;
    if (session === undefined) throw new Error("a stream arrived before the session was set up");
    const { chance, counts } = this.#stage;
    const stopped = chance.happens(STOPPED);
    return new IncomingGroup(session, {
      frame: () => {
        counts.frames++;
        if (stopped) stream.stop(0);
      },
    });
  }

  closed(): void {
    this.#left = true;
    this.#over.resolve();
  }

  #next(): void {
    if (this.#left) return;
    const { chance } = this.#stage;
    if (this.#acts-- > 0) {
      this.#act();
      const fromMs = chance.pick([0, 200, 1_000]);
      this.#stage.later(fromMs, fromMs + 3_000, () => this.#next());
    } else if (!chance.happens(IDLE)) this.#stage.later(0, 500, () => this.leave());
  }

  /** Begins a request. */
  #act(): void {
    const { chance, counts } = this.#stage;
    const path = this.#path();
    const act = chance.next();
    if (act < 0.6) this.#watch(path);
    else if (act < 0.75) {
      const group = groupNow() - chance.whole(0, FETCHED_BACK);
      this.#ask({ kind: "fetch", path, track: TRACK, epoch: 0n, priority: 1, group }, () => counts.fetched++);
    } else if (act < 0.85) {
      this.#ask({ kind: "announce", prefix: chance.pick(["", "live", path]), excludeHop: 0n, ended: false });
    } else if (this.#session?.caps.trackStream === true) this.#ask({ kind: "track", path, track: TRACK, epoch: 0n });
  }

  #watch(path: string): void {
    const { chance } = this.#stage;
    const session = this.#session;
    const options = { priority: chance.whole(0, 255), ordered: chance.happens(0.5), maxLatency: 5_000 };
    const start = chance.happens(0.2) ? { start: groupNow() - chance.whole(0, 5) } : {};
    const id = this.#subscriptions++;
    const stream = this.#ask({ kind: "subscribe", id, path, track: TRACK, epoch: 0n, ...options, ...start });
    if (stream === undefined || session === undefined || !chance.happens(0.3)) return;
    const { caps } = session;
    this.#stage.later(100, 2_000, () => {
      if (!this.#left) stream.write(encodeSubscribeUpdate({ ...options, priority: chance.whole(0, 255) }, caps));
    });
  }

  /** Opens a request, and ends it after a while in one of several ways. */
  #ask(request: OpeningRequest, answered = () => {}): BidiStream | undefined {
    const { chance } = this.#stage;
    const session = this.#session;
    const stream = session?.link.openBidi(PRIORITY_CONTROL, { data() {}, fin: answered, reset() {}, stop() {} });
    if (session === undefined || stream === undefined) return undefined;
    stream.write(encodeRequest(request, session.caps));
    const ending = chance.pick(ENDINGS);
    if (ending === "stay") return stream;
    this.#stage.later(0, 6_000, () => {
      if (this.#left) return;
      if (ending === "finish") return stream.finish();
      stream.reset(1);
      stream.stop(1);
    });
    return stream;
  }
}
