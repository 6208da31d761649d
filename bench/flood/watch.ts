import type { Engine } from "../../moq/link.ts";
import { encodeRequest } from "../../moq/wire/lite/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { dialAll, trustOf } from "../load/dial.ts";
import { PublishedTrack } from "../load/published-track.ts";
import { Serving } from "../load/serving.ts";
import { attachLoad, type LoadSession, type Part } from "../load/session.ts";
import type { RunningRelay } from "../relays/contract.ts";
import { LOBBY, PROTOCOL, TRACK } from "./kinds.ts";

/** Milliseconds between two frames of the watched stream, frames per group, and bytes per frame. */
const FRAME_MS = 10;
const GROUP_FRAMES = 100;
const FRAME_BYTES = 100;

/** Milliseconds within which a session must open. */
const CONNECT_MS = 15_000;

const IGNORE = { data() {}, fin() {}, reset() {}, stop() {} };
const OPTIONS = { priority: 1, ordered: false, maxLatency: 5_000 };
const HEARTBEAT = `${LOBBY}/heartbeat`;

/** The bystanders of a flood: one stream with its viewer, broadcasts in the table, and sessions that watch all of them. */
export class Bystanders {
  readonly #viewers: LoadSession[] = [];
  readonly #sessions: LoadSession[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #lastAt = 0;
  #worst = 0;
  #nextId = 1;
  /** Why a session of a bystander ended, if one did. */
  lost: string | undefined;

  static async join(relay: RunningRelay, engine: Engine, broadcasts: number, watchers: number): Promise<Bystanders> {
    const all = new Bystanders();
    const parts = [
      all.#publisher(broadcasts),
      all.#viewer(),
      ...Array.from({ length: watchers }, () => all.#watcher()),
    ];
    const target = { engine, url: relay.url, trust: trustOf(relay.trust), protocols: [PROTOCOL] };
    const attaches = parts.map((part, index) => attachLoad(all.#known(part), BigInt(100 + index)));
    await dialAll({ ...target, timeoutMs: CONNECT_MS }, attaches);
    return all;
  }

  /** Milliseconds of the longest gap between two frames since the last call. */
  worstGap(): number {
    const now = systemClock.now();
    const worst = Math.max(this.#worst, now - this.#lastAt);
    this.#worst = 0;
    this.#lastAt = now;
    return worst;
  }

  /** Watches another broadcast as well. */
  watch(path: string): void {
    const [viewer] = this.#viewers;
    if (viewer !== undefined) this.#subscribe(viewer, path);
  }

  /** Ends their sessions: an open link would keep the process alive until its idle time-out. */
  leave(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { link } of this.#sessions) link.close(0, "");
  }

  #known(part: Part): Part {
    return {
      ...part,
      start: (session) => {
        this.#sessions.push(session);
        part.start(session);
      },
    };
  }

  #subscribe({ link, caps }: LoadSession, path: string): void {
    const id = path === HEARTBEAT ? 0 : this.#nextId++;
    const request = { kind: "subscribe" as const, id, path, track: TRACK, epoch: 0n, ...OPTIONS };
    link.openBidi(0, IGNORE)?.write(encodeRequest(request, caps));
  }

  #publisher(broadcasts: number): Part {
    const payload = new Uint8Array(FRAME_BYTES);
    const track = new PublishedTrack({ framesPerSecond: 1_000 / FRAME_MS, framesPerGroup: GROUP_FRAMES, payload });
    const serving = new Serving((path) => (path === HEARTBEAT ? track : undefined));
    return {
      broadcasts: [HEARTBEAT, ...Array.from({ length: broadcasts }, (_, i) => `${LOBBY}/room-${i}/of-somebody`)],
      start: () => void this.#timers.push(setInterval(() => track.send(), FRAME_MS)),
      request: (request, stream, session) => serving.request(request, stream, session),
      left: (stream) => serving.left(stream),
      closed: (why) => this.#closed(why),
    };
  }

  #viewer(): Part {
    return {
      broadcasts: [],
      start: (session) => {
        this.#viewers.push(session);
        this.#subscribe(session, HEARTBEAT);
      },
      uni: () => ({ ...IGNORE, data: (bytes) => this.#got(bytes) }),
      closed: (why) => this.#closed(why),
    };
  }

  #watcher(): Part {
    return {
      broadcasts: [],
      start: ({ link, caps }) => {
        const request = { kind: "announce" as const, prefix: "", excludeHop: 0n, ended: false };
        link.openBidi(0, IGNORE)?.write(encodeRequest(request, caps));
      },
      closed: (why) => this.#closed(why),
    };
  }

  #closed(why: string): void {
    this.lost ??= why;
  }

  /** Only the watched stream has frames of this size. */
  #got(bytes: Uint8Array): void {
    if (bytes.length < FRAME_BYTES) return;
    const now = systemClock.now();
    this.#worst = Math.max(this.#worst, now - this.#lastAt);
    this.#lastAt = now;
  }
}
