import {
  type Asker,
  type DatagramObject,
  type FetchWriter,
  groupRange,
  type Location,
  type Source,
  type SubgroupStart,
  type SubgroupWriter,
  type SubscribeOptions,
  type TrackInfo,
  type Upstream,
  type UpstreamSink,
} from "../../moq/model/index.ts";
import type { Reason } from "../../moq/reason.ts";
import type { Peers } from "../contract.ts";

/** What one relay reports about the track. */
export interface TrackAtRelayEvents {
  /** `largest`: the newest object that the relay has. */
  info(info: TrackInfo, largest: Location | undefined): void;
  started(from: TrackAtRelay, sequence: number): void;
  subgroup(from: TrackAtRelay, start: SubgroupStart): SubgroupWriter | Reason;
  datagram(from: TrackAtRelay, datagram: DatagramObject): void;
  dropped(start: number, end: number): void;
  ended(end: number): void;
  /** The relay ended the track (its last groups may still arrive), refused it, or its link is gone (`upstream`). */
  closed(from: TrackAtRelay, reason: Reason | undefined): void;
  /** The relay asked us to leave. */
  leaving(from: TrackAtRelay): void;
  /** A second link to the relay is up; the one in use ends soon. */
  renewed(from: TrackAtRelay): void;
  /** The relay is silent. */
  suspected(from: TrackAtRelay): void;
}

/** A track, and the session that asks for it. */
export interface TrackAddress {
  readonly path: string;
  readonly track: string;
  /** Of the publisher that the track is taken from. */
  readonly epoch: bigint;
  readonly asker: Asker | undefined;
  /** Its properties are known, so it exists. */
  readonly known: () => boolean;
  /** Several viewers watch it. */
  readonly shared: () => boolean;
}

/** The same subscription, from the group `start` on. An object with which it began is one of another group. */
export function beginningWith(start: number, options: SubscribeOptions): SubscribeOptions {
  if (options.start === start) return options;
  const { startObject: _, ...rest } = options;
  return { ...rest, start };
}

/** One track at one relay: keeps the relay's link open, and subscribes when the link is up. */
export class TrackAtRelay {
  readonly node: string;
  readonly #address: TrackAddress;
  readonly #events: TrackAtRelayEvents;
  readonly #release: () => void;
  #source: Source | undefined;
  #upstream: Upstream | undefined;
  /** The relay has ended the track. */
  #ended = false;
  #over = false;
  leaving = false;
  /** The group at which the relay says that it starts. */
  first: number | undefined;

  /** `options` is called when the link is up. */
  constructor(
    node: string,
    peers: Peers,
    address: TrackAddress & { readonly options: () => SubscribeOptions },
    events: TrackAtRelayEvents,
  ) {
    this.node = node;
    this.#address = address;
    this.#events = events;
    this.#release = peers.use(node, {
      up: (source) => this.#subscribe(source, address.options()),
      down: () => this.#close("upstream"),
      leaving: () => {
        this.leaving = true;
        if (!this.#over) events.leaving(this);
      },
      renewed: () => {
        if (!this.#over) events.renewed(this);
      },
      suspected: () => {
        if (!this.#over) events.suspected(this);
      },
    });
  }

  /** The track is subscribed to and has not ended. */
  get live(): boolean {
    return this.#upstream !== undefined && !this.#ended && !this.#over;
  }

  update(options: SubscribeOptions): void {
    if (!this.#over) this.#upstream?.update(options);
  }

  /** Viewers wish for a new group. Where the link is not up yet, the options say it then. */
  requestGroup(above: number): void {
    if (!this.#over) this.#upstream?.requestGroup?.(above);
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

  /** One group of the track, from the same relay. Returns a cancel. */
  fetch(sequence: number, priority: number, writer: FetchWriter): () => void {
    if (this.#source === undefined) {
      writer.reset("upstream");
      return () => {};
    }
    const { path, track, asker } = this.#address;
    return this.#source.fetch(path, track, groupRange(sequence), priority, writer, asker);
  }

  #subscribe(source: Source, options: SubscribeOptions): void {
    const { path, track, epoch, asker, known, shared } = this.#address;
    if (this.#over || this.#upstream !== undefined) return;
    const events = this.#events;
    const asked = source.ofEpoch?.(epoch) ?? source;
    this.#source = asked;
    const sink: UpstreamSink = {
      known: known(),
      shared,
      info: (info, largest) => events.info(info, largest),
      started: (sequence) => {
        this.first = sequence;
        events.started(this, sequence);
      },
      subgroup: (start) => (this.#over ? "cancelled" : events.subgroup(this, start)),
      datagram: (datagram) => events.datagram(this, datagram),
      dropped: (start, end) => events.dropped(start, end),
      ended: (end) => events.ended(end),
      closed: (reason) => this.#close(reason),
    };
    const upstream = asked.subscribe(path, track, options, sink, asker);
    if (this.#over) upstream.cancel();
    else this.#upstream = upstream;
  }

  #close(reason: Reason | undefined): void {
    if (this.#over || this.#ended) return;
    if (reason === undefined) this.#ended = true;
    else {
      this.#over = true;
      this.#release();
    }
    this.#events.closed(this, reason);
  }
}
