import type { Holding, NodeInfo, NodeLoad } from "../contract.ts";

/** What a root knows of a relay. */
export interface NodeEntry {
  readonly info: NodeInfo;
  readonly load: NodeLoad | undefined;
  /** A session speaks for it. Otherwise it stays until its lease ends. */
  readonly present: boolean;
}

/** Notified of what sessions register, to pass it on. `session` is the one that speaks for the relay. */
export interface RegistryObserver {
  /** The relay is new or changed. */
  registered(node: string, session: object): void;
  /** A holding is new, changed or released. */
  held(path: string, node: string, session: object): void;
  /** The relay left on purpose. */
  withdrawn(info: NodeInfo, session: object): void;
  /** Its session ended without leaving. */
  lost(node: string): void;
}

/** Notified of every change under what it watches. */
export interface HoldingWatcher {
  holding?(holding: Holding): void;
  holdingGone?(holding: Holding): void;
}

/** Notified of every relay. */
export interface NodeWatcher {
  node(info: NodeInfo): void;
  nodeGone(node: string): void;
}

/** Changes of one relay, as roots send them to each other. */
export interface NodeChange {
  readonly info: NodeInfo;
  /** New or changed. */
  readonly holdings: readonly Holding[];
  /** Paths that the relay holds no more. */
  readonly released: readonly string[];
}

/** Everything that a backend keeps of one relay. */
export interface StoredNode {
  /** Changes with every write; equal versions mean equal content. */
  readonly version: string;
  readonly info: NodeInfo;
  readonly holdings: ReadonlyMap<string, Holding>;
  /** Its root has not written all yet: a missing path may follow. */
  readonly partial: boolean;
  /** Milliseconds that are left of its lease. */
  readonly remainingMs: number;
}

/** What one write has of a relay: everything (`whole`), the last pending changes (`last`), or changes of which more follow (`more`). */
export type Part = "whole" | "last" | "more";

/** All relays that a backend keeps, without their content. */
export interface Listing {
  /** Identifies the memory behind the backend: changes when all was lost. */
  readonly instance: string;
  readonly nodes: readonly { readonly node: string; readonly version: string; readonly remainingMs: number }[];
}

/** Version before and after a change; `before` is empty for the first one. */
export interface Versions {
  readonly before: string;
  readonly after: string;
  /** As {@link StoredNode} has it, after the change. */
  readonly partial: boolean;
}

/** What a backend reports. A `changed` or `leftElsewhere` may get lost. */
export interface BackendEvents {
  up(): void;
  /** `why` names no credential. */
  down(why: string): void;
  /** Another root wrote a change. */
  changed(change: NodeChange, versions: Versions): void;
  /** The relay left on purpose; so did every earlier start of it. */
  leftElsewhere(node: string, startedAt: number): void;
  /** Another root changed the revocations. */
  revocationsChanged(): void;
  /** Another root sent a text by {@link RegistryBackend.sendToRoots}. It may get lost. */
  rootSent(text: string): void;
  /** The backend has something that no root wrote. */
  unreadable(): void;
}

/**
 * The registry that several roots share: relays with their broadcasts, each relay with a lease. Every call rejects when the backend
 * cannot be reached or does not answer in time; no call waits for it to come back.
 */
export interface RegistryBackend {
  /** Connects, and reconnects whenever the connection is lost. */
  start(events: BackendEvents): void;
  /**
   * Writes a change and restarts the lease. Nothing when a later start of the relay is kept. `known` is the version whose content the
   * writer knows: the part `last` completes the relay only where that version was kept before.
   */
  put(change: NodeChange, leaseMs: number, part: Part, known: string): Promise<Versions | undefined>;
  /** Restarts the lease. Returns the version that is kept; nothing where no relay or another start of it is kept. */
  renew(info: NodeInfo, leaseMs: number): Promise<string | undefined>;
  /** Removes a relay with all its holdings, unless a later start of it is kept. */
  remove(node: string, startedAt: number): Promise<void>;
  list(): Promise<Listing>;
  read(node: string): Promise<StoredNode | undefined>;
  /** Adds and removes revocations, as paths of the control protocol. They have no lease. */
  changeRevocations(added: readonly string[], removed: readonly string[]): Promise<void>;
  /**
   * All revocations; nothing while their version is `known`. A version is `GENERATION:NUMBER`; another generation means that all was lost
   * before.
   */
  revocations(known: string): Promise<{ readonly version: string; readonly paths: readonly string[] } | undefined>;
  /** Sends a text to the roots that are connected now; nothing keeps it. */
  sendToRoots(text: string): Promise<void>;
  close(): void;
}
