/** Relays that a test plays: links that are up when it says so, and sources that send what it says. */
import type { Holding, NodeInfo, Peers, PeerUser, Role } from "../../cluster/contract.ts";
import type {
  FetchRange,
  FetchWriter,
  Source,
  SubgroupWriter,
  SubscribeOptions,
  TrackInfo,
  UpstreamSink,
} from "../../moq/model/contract.ts";
import { GroupIntoFetch } from "../../moq/model/fetched-group.ts";
import { wholeGroup } from "../../moq/model/locations.ts";
import type { Reason } from "../../moq/reason.ts";

/** Accepts every time. */
export const ANY_TIME = { accepts: () => true };

/** What a registry needs besides its bounds. */
export const REGISTRY = { clocks: ANY_TIME, namesakeMs: 5_000, contested: () => {} };

/** What a control client needs besides its own relay. */
export const CONTROL = {
  namesakeMs: 5_000,
  namesake: () => {},
  cut: () => {},
  revocations: { revoked: () => {}, ended: () => {} },
  revocationRefused: () => {},
};

export function nodeInfo(node: string, role: Role = "origin", more: Partial<NodeInfo> = {}): NodeInfo {
  const url = `https://${node}:443`;
  return { node, hop: 1n, role, region: "eu", url, publicUrl: url, draining: false, startedAt: 1, ...more };
}

export function holdingOf(path: string, node: string, more: Partial<Holding> = {}): Holding {
  return { path, node, epoch: 1n, hops: [1n], cost: 0, ended: false, ...more };
}

/** A subscription at a relay of the test. */
export interface Subscribed {
  readonly options: SubscribeOptions;
  readonly sink: UpstreamSink;
  cancelled: boolean;
}

/** One relay as a place to subscribe at. */
export class FakeRelay implements Source {
  readonly hasInfo = true;
  readonly users = new Set<PeerUser>();
  readonly subscriptions: Subscribed[] = [];
  readonly fetches: SubgroupWriter[] = [];
  readonly fetched: number[] = [];
  /** The same requests as they were made. */
  readonly ranges: { readonly range: FetchRange; readonly writer: FetchWriter }[] = [];
  readonly asked: ((answer: TrackInfo | Reason) => void)[] = [];
  /** Epochs that it was asked for, one for each request. */
  readonly epochs: bigint[] = [];
  up = true;
  silent = false;
  /** It answers, and was silent until lately. */
  inDoubt = false;

  ofEpoch(epoch: bigint): Source {
    this.epochs.push(epoch);
    return this;
  }

  subscribe(_path: string, _track: string, options: SubscribeOptions, sink: UpstreamSink) {
    const one: Subscribed = { options, sink, cancelled: false };
    this.subscriptions.push(one);
    return {
      update: () => {},
      cancel: () => {
        one.cancelled = true;
      },
    };
  }

  info(_path: string, _track: string, answer: (answer: TrackInfo | Reason) => void): () => void {
    this.asked.push(answer);
    return () => {};
  }

  fetch(_path: string, _track: string, range: FetchRange, _priority: number, writer: FetchWriter): () => void {
    this.ranges.push({ range, writer });
    this.fetched.push(range.start.group);
    this.fetches.push(new GroupIntoFetch(range.start.group, writer));
    return () => {};
  }

  get last(): Subscribed {
    const last = this.subscriptions.at(-1);
    if (last === undefined) throw new Error("nobody has subscribed");
    return last;
  }

  /** Begins a group at the last subscription; the reason where it is refused. */
  group(sequence: number): SubgroupWriter | Reason {
    return this.last.sink.subgroup(wholeGroup(sequence));
  }

  /** Begins a group that must be taken. */
  taken(sequence: number): SubgroupWriter {
    const writer = this.group(sequence);
    if (typeof writer === "string") throw new Error(`group ${sequence} was refused: ${writer}`);
    return writer;
  }

  /** The link is lost: its subscriptions end first, as in a session. */
  die(): void {
    this.up = false;
    for (const one of this.subscriptions) if (!one.cancelled) one.sink.closed("upstream");
    for (const user of [...this.users]) user.down();
  }

  leave(): void {
    for (const user of [...this.users]) user.leaving();
  }

  /** It answers nothing any more, and its link is still up. */
  fallSilent(): void {
    this.silent = true;
    for (const user of [...this.users]) user.suspected?.();
  }
}

/** Links that are there at once. */
export class FakePeers implements Peers {
  readonly relays = new Map<string, FakeRelay>();

  relay(node: string): FakeRelay {
    const known = this.relays.get(node) ?? new FakeRelay();
    this.relays.set(node, known);
    return known;
  }

  usable(node: string): boolean {
    return this.answers(node) && !this.relay(node).inDoubt;
  }

  answers(node: string): boolean {
    const { up, silent } = this.relay(node);
    return up && !silent;
  }

  use(node: string, user: PeerUser): () => void {
    const relay = this.relay(node);
    relay.users.add(user);
    queueMicrotask(() => {
      if (!relay.users.has(user)) return;
      if (relay.up) user.up(relay);
      else user.down();
    });
    return () => void relay.users.delete(user);
  }
}

export function frame(writer: SubgroupWriter, text: string): void {
  const bytes = Buffer.from(text);
  writer.object(bytes.length, 0);
  writer.payload(bytes);
  writer.end();
}

/** Lets promises and microtasks go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
