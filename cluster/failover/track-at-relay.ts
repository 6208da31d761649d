import type {
  Asker,
  GroupWriter,
  Source,
  SubscribeOptions,
  TrackInfo,
  Upstream,
  UpstreamSink,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Peers } from "../contract.ts";

/** What a leg tells the track that it carries. */
export interface TrackAtRelayEvents {
  info(info: TrackInfo): void;
  started(leg: TrackAtRelay, sequence: number): void;
  group(leg: TrackAtRelay, sequence: number): GroupWriter | Reason;
  datagram(leg: TrackAtRelay, sequence: number, timestamp: number, payload: Uint8Array): void;
  dropped(start: number, end: number): void;
  ended(end: number): void;
  /** The relay has said all (its last groups may still come), refused, or its link is gone (`upstream`). */
  closed(leg: TrackAtRelay, reason: Reason | undefined): void;
  /** The relay asked us to leave. */
  leaving(leg: TrackAtRelay): void;
  /** There is a second link to the relay; the one that is used ends before long. */
  renewed(leg: TrackAtRelay): void;
}

/** A track, and on whose behalf it is asked for. */
export interface TrackAddress {
  readonly path: string;
  readonly track: string;
  readonly asker: Asker | undefined;
  /** Its properties are known: it is there. */
  readonly known: () => boolean;
  /** Several viewers get it. */
  readonly shared: () => boolean;
}

/** One track at one relay: its link is used, and the track subscribed to when the link is up. */
export class TrackAtRelay {
  readonly node: string;
  readonly #what: TrackAddress;
  readonly #events: TrackAtRelayEvents;
  readonly #release: () => void;
  #source: Source | undefined;
  #upstream: Upstream | undefined;
  /** The relay has said all. */
  #said = false;
  #over = false;
  leaving = false;
  /** Where the relay says that it starts. */
  first: number | undefined;

  /** `options` says what to ask for by the time that the link is up. */
  constructor(
    node: string,
    peers: Peers,
    what: TrackAddress & { readonly options: () => SubscribeOptions },
    events: TrackAtRelayEvents,
  ) {
    this.node = node;
    this.#what = what;
    this.#events = events;
    this.#release = peers.use(node, {
      up: (source) => this.#subscribe(source, what.options()),
      down: () => this.#closed("upstream"),
      leaving: () => {
        this.leaving = true;
        if (!this.#over) events.leaving(this);
      },
      renewed: () => {
        if (!this.#over) events.renewed(this);
      },
    });
  }

  /** The track is subscribed to there. */
  get live(): boolean {
    return this.#upstream !== undefined && !this.#said && !this.#over;
  }

  update(options: SubscribeOptions): void {
    if (!this.#over) this.#upstream?.update(options);
  }

  known(): void {
    if (!this.#over) this.#upstream?.known?.();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstream?.cancel();
    this.#release();
  }

  /** One group of the track from the relay that it is subscribed to at. Returns a cancel. */
  fetch(sequence: number, priority: number, writer: GroupWriter): () => void {
    if (this.#source === undefined) {
      writer.reset("upstream");
      return () => {};
    }
    const { path, track, asker } = this.#what;
    return this.#source.fetch(path, track, sequence, priority, writer, asker);
  }

  #subscribe(source: Source, options: SubscribeOptions): void {
    const { path, track, asker, known, shared } = this.#what;
    if (this.#over || this.#upstream !== undefined) return;
    const events = this.#events;
    this.#source = source;
    const sink: UpstreamSink = {
      known: known(),
      shared,
      info: (info) => events.info(info),
      started: (sequence) => {
        this.first = sequence;
        events.started(this, sequence);
      },
      group: (sequence) => (this.#over ? "cancelled" : events.group(this, sequence)),
      datagram: (sequence, timestamp, payload) => events.datagram(this, sequence, timestamp, payload),
      dropped: (start, end) => events.dropped(start, end),
      ended: (end) => events.ended(end),
      closed: (reason) => this.#closed(reason),
    };
    const upstream = source.subscribe(path, track, options, sink, asker);
    if (this.#over) upstream.cancel();
    else this.#upstream = upstream;
  }

  #closed(reason: Reason | undefined): void {
    if (this.#over || this.#said) return;
    if (reason === undefined) this.#said = true;
    else {
      this.#over = true;
      this.#release();
    }
    this.#events.closed(this, reason);
  }
}
