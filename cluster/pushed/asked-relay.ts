import type { Clock } from "../../moq/clock.ts";
import type { PushedSink, Session } from "../../moq/session/index.ts";
import type { PeerUser } from "../contract.ts";

/** Milliseconds until a relay is asked again that ended its answer. One that cannot answer is not asked again over the same link. */
const RETRY_MS = 5_000;

/** What requests for pushed tracks need of the links to relays. */
export interface PushedLinks {
  use(node: string, user: PeerUser): () => void;
  /** Nothing while the link is not up. */
  session(node: string): Pick<Session, "followPushed"> | undefined;
}

export interface AskedRelayDeps {
  readonly clock: Clock;
  readonly links: PushedLinks;
  readonly node: string;
  readonly tracks: Pick<PushedSink, "started" | "ended">;
}

interface Ask {
  readonly elsewhere: boolean;
  stop: () => void;
}

/** One relay that is asked for the tracks that are pushed under some prefixes. Its link is kept open. */
export class AskedRelay implements PeerUser {
  readonly #deps: AskedRelayDeps;
  readonly #asks = new Map<string, Ask>();
  readonly #release: () => void;
  #up = false;

  constructor(deps: AskedRelayDeps) {
    this.#deps = deps;
    this.#release = deps.links.use(deps.node, this);
  }

  /** Asks for these prefixes, each with whether tracks count that are pushed to other relays, and for no others. */
  want(wanted: ReadonlyMap<string, boolean>): void {
    for (const [prefix, ask] of this.#asks) {
      if (wanted.get(prefix) === ask.elsewhere) continue;
      this.#asks.delete(prefix);
      ask.stop();
    }
    for (const [prefix, elsewhere] of wanted) {
      if (this.#asks.has(prefix)) continue;
      const ask: Ask = { elsewhere, stop: () => {} };
      this.#asks.set(prefix, ask);
      if (this.#up) this.#follow(prefix, ask);
    }
  }

  up(): void {
    this.#up = true;
    for (const [prefix, ask] of this.#asks) this.#follow(prefix, ask);
  }

  down(): void {
    this.#up = false;
    for (const ask of this.#asks.values()) ask.stop();
  }

  /** The tracks that it has named stay. */
  leaving(): void {}

  close(): void {
    for (const ask of this.#asks.values()) ask.stop();
    this.#asks.clear();
    this.#release();
  }

  #follow(prefix: string, ask: Ask): void {
    const { clock, links, node, tracks } = this.#deps;
    ask.stop();
    const closed: PushedSink["closed"] = (reason) => {
      ask.stop = reason === "unsupported" ? () => {} : clock.timer(RETRY_MS, () => this.#follow(prefix, ask));
    };
    let refused = false;
    const sink = {
      ...tracks,
      closed: (reason: Parameters<typeof closed>[0]) => {
        refused = true;
        closed(reason);
      },
    };
    const stop = links.session(node)?.followPushed?.({ prefix, elsewhere: ask.elsewhere }, sink);
    if (!refused) ask.stop = stop ?? (() => {});
  }
}
