import type {
  Asker,
  FetchRange,
  FetchWriter,
  Source,
  SubscribeOptions,
  TrackInfo,
  Upstream,
  UpstreamSink,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import { isPassing, isRefusedHere } from "./answers.ts";
import { HitlessTrack, type HitlessTrackDeps, type ProtectionCode } from "./hitless/index.ts";
import { RelaysBehind } from "./relays-behind.ts";
import { ResumingFetch } from "./resuming-fetch.ts";
import type { WarmLinks } from "./warm-links.ts";

/** Milliseconds until relays are asked again after none could be reached. */
const RETRY_MS = 250;

export type MeshSourceDeps = Omit<HitlessTrackDeps, "behind" | "gone"> & {
  /** No track and no request is left. */
  readonly idle: () => void;
  /** Keeps a link to the relay that the tracks would move to. */
  readonly warm: Pick<WarmLinks, "want">;
};

/** How a track under a hitless prefix is protected now. */
export interface Protection {
  readonly state: ProtectionCode;
  /** The second relay that it is taken from, or that is asked. */
  readonly relay?: string;
}

/** A broadcast of other relays as a source: each track and request goes to the best relay that has it and can be reached. */
export class MeshSource implements Source {
  readonly hasInfo = true;
  readonly keepsNewest = true;
  readonly #deps: MeshSourceDeps;
  readonly #tracks = new Set<HitlessTrack>();
  readonly #requests = new Set<() => void>();
  readonly #behind: RelaysBehind;

  constructor(deps: MeshSourceDeps) {
    this.#deps = deps;
    this.#behind = new RelaysBehind(deps.clock, () => this.candidatesChanged());
  }

  /** The relay that the track is taken from now. */
  relayOf(track: string): string | undefined {
    for (const one of this.#tracks) if (one.name === track && one.relay !== undefined) return one.relay;
    return undefined;
  }

  /** How the track is protected under a hitless prefix, and the second relay that it is taken from. */
  protectionOf(track: string): Protection | undefined {
    for (const one of this.#tracks) {
      const { protection: state, secondRelay: relay } = one;
      if (one.name === track && state !== undefined) return relay === undefined ? { state } : { state, relay };
    }
    return undefined;
  }

  get idle(): boolean {
    return this.#tracks.size + this.#requests.size === 0;
  }

  subscribe(path: string, track: string, options: SubscribeOptions, sink: UpstreamSink, asker?: Asker): Upstream {
    const running: HitlessTrack = new HitlessTrack(
      { path, track, asker, shared: () => sink.shared?.() === true },
      options,
      sink,
      {
        ...this.#deps,
        candidates: (keep) => this.#candidates(keep),
        besides: (first) => this.#behind.order(this.#deps.besides(first)),
        behind: (node) => this.#behind.add(node),
        gone: () => {
          this.#tracks.delete(running);
          if (this.#tracks.size === 0) this.#deps.warm.want(this, undefined);
          this.#checkIdle();
        },
      },
    );
    this.#tracks.add(running);
    running.start();
    if (this.#tracks.size === 1) this.#keepWarm();
    return running;
  }

  info(path: string, track: string, answer: (result: TrackInfo | Reason) => void, asker?: Asker): () => void {
    return this.#ask(
      (source, over) => source.info(path, track, over, asker),
      (result: TrackInfo | Reason) => answer(result),
      () => {
        // Tracks that run do not change to another source because this request had no answer.
        if (this.#relays().size === 0) this.#deps.spent();
      },
    );
  }

  fetch(
    path: string,
    track: string,
    range: FetchRange,
    priority: number,
    writer: FetchWriter,
    asker?: Asker,
  ): () => void {
    const fetch = new ResumingFetch(writer, range);
    return this.#ask<"finished" | Reason>(
      (source, over) =>
        source.fetch(
          path,
          track,
          range,
          priority,
          fetch.feed((reason) => over(reason ?? "finished")),
          asker,
        ),
      (result) => {
        if (result === "finished") writer.finish();
        else writer.reset(result);
      },
      () => {},
    );
  }

  /** The order of the candidates changed. */
  candidatesChanged(): void {
    for (const track of [...this.#tracks]) track.candidatesChanged();
    if (this.#tracks.size > 0) this.#keepWarm();
  }

  /** Has a link kept to the best relay that no track is taken from. */
  #keepWarm(): void {
    const { warm, peers } = this.#deps;
    const candidates = this.#candidates();
    const relays = this.#relays();
    // Before a relay has answered, the tracks are asked for at the first one.
    const used = relays.size > 0 ? relays : new Set(candidates.slice(0, 1));
    warm.want(
      this,
      candidates.find((one) => !used.has(one) && peers.usable(one)),
    );
  }

  close(): void {
    for (const track of [...this.#tracks]) track.cancel();
    for (const cancel of [...this.#requests]) cancel();
    this.#behind.close();
  }

  #candidates(keep?: string): readonly string[] {
    return this.#behind.order(this.#deps.candidates(keep));
  }

  /** The relays that tracks are taken from. */
  #relays(): ReadonlySet<string> {
    return new Set([...this.#tracks].flatMap(({ relay }) => relay ?? []));
  }

  /** For one request: a relay that delivers comes first, because a better one may have died without a sign. */
  #deliveringFirst(): readonly string[] {
    const candidates = this.#candidates();
    const relays = this.#relays();
    return [...candidates.filter((node) => relays.has(node)), ...candidates.filter((node) => !relays.has(node))];
  }

  /**
   * Asks one relay, and the next one where it cannot be reached or has another epoch. The first answer counts. `late`: there was none
   * for `holdMs`.
   */
  #ask<T>(
    ask: (source: Source, over: (result: T | Reason) => void) => () => void,
    answer: (result: T | Reason) => void,
    late: () => void,
  ) {
    const { peers, clock, holdMs, epoch } = this.#deps;
    const tried = new Set<string>();
    let cancelOne = () => {};
    let cancelRetry = () => {};
    let over = false;
    const end = () => {
      over = true;
      this.#requests.delete(cancel);
      cancelTimer();
      cancelRetry();
      cancelOne();
      this.#checkIdle();
    };
    const cancel = () => {
      if (!over) end();
    };
    const done = (result: T | Reason) => {
      if (over) return;
      end();
      answer(result);
    };
    const next = () => {
      const node = this.#deliveringFirst().find((one) => !tried.has(one));
      if (over) return;
      if (node === undefined) {
        cancelRetry = clock.timer(RETRY_MS, () => {
          tried.clear();
          next();
        });
        return;
      }
      tried.add(node);
      let asked = false;
      let leave = () => {};
      const release = peers.use(node, {
        up: (source) => {
          if (asked || over) return;
          asked = true;
          leave = ask(source.ofEpoch?.(epoch) ?? source, (result) => {
            if (left) return;
            if (result === "replaced") this.#behind.add(node);
            const elsewhere = isRefusedHere(result) && this.#deliveringFirst().some((one) => !tried.has(one));
            if (isPassing(result) || elsewhere) step();
            else done(result);
          });
        },
        down: () => step(),
        leaving: () => {},
        suspected: () => {
          const hasOther = this.#deliveringFirst().some((one) => !tried.has(one) && peers.answers(one));
          if (!hasOther || left || over) return;
          cancelOne();
          next();
        },
      });
      let left = false;
      cancelOne = () => {
        if (left) return;
        left = true;
        leave();
        release();
      };
      const step = () => {
        if (left || over) return;
        left = true;
        release();
        next();
      };
    };
    const cancelTimer = clock.timer(holdMs, () => {
      done(this.#deps.lostAs);
      late();
    });
    this.#requests.add(cancel);
    next();
    return cancel;
  }

  #checkIdle(): void {
    if (this.idle) this.#deps.idle();
  }
}
