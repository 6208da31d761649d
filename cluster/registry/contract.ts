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
export interface RegistryWatcher {
  node?(info: NodeInfo): void;
  nodeGone?(node: string): void;
  holding?(holding: Holding): void;
  holdingGone?(holding: Holding): void;
}
