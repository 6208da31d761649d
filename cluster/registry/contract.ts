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

/** Told of every change under what it watches. */
export interface RegistryWatcher {
  node?(info: NodeInfo): void;
  nodeGone?(node: string): void;
  holding?(holding: Holding): void;
  holdingGone?(holding: Holding): void;
}
