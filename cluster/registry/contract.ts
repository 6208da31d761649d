import type { Holding, NodeInfo } from "../contract.ts";

/** How busy a relay is; it moves all the time, so only roots hear of it. */
export interface NodeLoad {
  readonly sessions: number;
  readonly subscriptions: number;
}

/** What a root knows of a relay. */
export interface NodeEntry {
  readonly info: NodeInfo;
  readonly load: NodeLoad | undefined;
  /** It is connected here. Else it is remembered until its lease ends. */
  readonly present: boolean;
}

/** Told of what sessions say, so that it can be passed on. `session` is the one that speaks for the relay. */
export interface RegistryObserver {
  /** New, or changed. */
  registered(node: string, session: object): void;
  /** A broadcast is there, changed, or is there no more. */
  held(path: string, node: string, session: object): void;
  /** The relay left on purpose. */
  withdrawn(info: NodeInfo, session: object): void;
  /** Its session is gone without a word. */
  lost(node: string): void;
}

/** Told of every change under what it watches. */
export interface HoldingWatcher {
  holding?(holding: Holding): void;
  holdingGone?(holding: Holding): void;
}

/** Told of every relay. */
export interface NodeWatcher {
  node(info: NodeInfo): void;
  nodeGone(node: string): void;
}

/** News of one relay, as roots tell each other. */
export interface NodeChange {
  readonly info: NodeInfo;
  /** New, or changed. */
  readonly holdings: readonly Holding[];
  /** Paths that it holds no more. */
  readonly released: readonly string[];
}

/** Everything that a backend keeps of one relay. */
export interface StoredNode {
  /** Changes with every change of what is kept; two that are equal are of the same content. */
  readonly version: string;
  readonly info: NodeInfo;
  readonly holdings: ReadonlyMap<string, Holding>;
  /** Whoever writes it has more to write: what is not there is not known to be gone. */
  readonly partial: boolean;
  /** Milliseconds that are left of its lease. */
  readonly leftMs: number;
}

/** How much of what a relay has is in one write: all of it, the last that waits to be written, or more is to follow. */
export type Part = "whole" | "last" | "more";

/** What is there, without its content. */
export interface Listing {
  /** Of the memory behind it: another one when all was lost. */
  readonly instance: string;
  readonly nodes: readonly { readonly node: string; readonly version: string; readonly leftMs: number }[];
}

/** Version before and after a change; nothing before the first one. */
export interface Versions {
  readonly before: string;
  readonly after: string;
  /** As {@link StoredNode} has it, after the change. */
  readonly partial: boolean;
}

/** What a backend tells by itself. Any of `changed` and `withdrawn` may be lost. */
export interface BackendEvents {
  up(): void;
  /** `why` names no credential. */
  down(why: string): void;
  /** Another root changed it. */
  changed(change: NodeChange, versions: Versions): void;
  /** A relay that started then, or earlier, left on purpose. */
  withdrawn(node: string, startedAt: number): void;
  /** Something was there that no root wrote. */
  strange(): void;
}

/**
 * What several roots share: relays and their broadcasts, each relay with a lease. Every call rejects when the backend cannot be
 * reached or does not answer in time; none waits for it to come back.
 */
export interface RegistryBackend {
  /** Connects, and again whenever the connection is lost. */
  start(events: BackendEvents): void;
  /**
   * Adds to what is kept, and begins the lease anew. Nothing when a later start of the relay is kept. `known` is the version of which
   * the writer knows the content: only where that is what was kept does the last part make it complete.
   */
  put(change: NodeChange, leaseMs: number, part: Part, known: string): Promise<Versions | undefined>;
  /** Begins the lease anew. Version of what is kept; nothing when that is nothing, or of another start. */
  renew(info: NodeInfo, leaseMs: number): Promise<string | undefined>;
  /** Removes a relay with all that it holds, unless a later start of it is kept. */
  remove(node: string, startedAt: number): Promise<void>;
  list(): Promise<Listing>;
  read(node: string): Promise<StoredNode | undefined>;
  close(): void;
}
