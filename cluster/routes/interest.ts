import type { Clock } from "../../moq/clock.ts";
import { PathTree } from "../../moq/model/index.ts";
import { type BroadcastScope, scopeKey } from "../contract.ts";

/** Milliseconds that a scope stays asked for after those that take its place were asked: theirs is told by then. */
const HANDOVER_MS = 5_000;

export interface InterestDeps {
  readonly clock: Clock;
  /** Milliseconds that a scope is still asked for after its last user. */
  readonly lingerMs: number;
  /** Scopes asked for at once. */
  readonly maxScopes: number;
  /** Asks other relays; `told` is called as {@link ScopeTold}. Returns a stop. */
  readonly ask: (scope: BroadcastScope, told: ScopeTold) => () => void;
  /** A scope was refused because there are too many. */
  readonly refused: () => void;
}

/** `true`: those that were asked have told all that there is. `false`: they are gone, and others have not answered yet. */
export type ScopeTold = (complete: boolean) => void;

interface Entry {
  readonly scope: BroadcastScope;
  /** All of it has been told, where it is asked for by itself. */
  complete: boolean;
  users: number;
  /** Set while it is asked for by itself; else a wider one covers it. */
  stop: (() => void) | undefined;
  cancelLinger: (() => void) | undefined;
}

/**
 * What is watched and wanted at this relay, as scopes to ask a root for: none that another one covers when it comes, and each
 * for as long as it has users and a while after.
 */
export class Interest {
  readonly #deps: InterestDeps;
  readonly #entries = new Map<string, Entry>();
  /** Entries by path: the prefix of one, the broadcast of the other kind. */
  readonly #byPath = new PathTree<Set<Entry>>();
  /** Those without users, in the order in which their last ones left. */
  readonly #lingering = new Map<string, Entry>();
  /** Stops of scopes that wait for those that take their place. */
  readonly #leaving = new Set<() => void>();
  /** Called when all of the scope is known, itself or through a wider one. */
  readonly #waiting = new Map<() => void, Entry>();

  constructor(deps: InterestDeps) {
    this.#deps = deps;
  }

  /** Scopes that are known here, covered ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Everything at or under `prefix`; `complete` is called once, when all of it is known. Returns a release. */
  watching(prefix: string, complete: () => void): () => void {
    return this.#use({ kind: "under", prefix }, complete);
  }

  /** One broadcast. Returns a release. */
  wanting(path: string): () => void {
    return this.#use({ kind: "exact", path });
  }

  close(): void {
    for (const { stop, cancelLinger } of this.#entries.values()) {
      cancelLinger?.();
      stop?.();
    }
    this.#entries.clear();
    this.#lingering.clear();
    for (const stop of [...this.#leaving]) stop();
    this.#waiting.clear();
  }

  #use(scope: BroadcastScope, complete?: () => void): () => void {
    const key = scopeKey(scope);
    const entry = this.#entries.get(key) ?? this.#add(key, scope);
    if (entry === undefined) return () => {};
    entry.users++;
    entry.cancelLinger?.();
    entry.cancelLinger = undefined;
    this.#lingering.delete(key);
    // Of its own for each user: several may be given the same function.
    const waits = complete && (() => complete());
    if (waits !== undefined) {
      if (this.#known(entry)) waits();
      else this.#waiting.set(waits, entry);
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      if (waits !== undefined) this.#waiting.delete(waits);
      entry.users--;
      if (entry.users === 0 && this.#entries.get(key) === entry) {
        this.#linger(key, entry);
      }
    };
  }

  #linger(key: string, entry: Entry): void {
    entry.cancelLinger = this.#deps.clock.timer(this.#deps.lingerMs, () => this.#drop(key, entry));
    this.#lingering.set(key, entry);
  }

  /** An unused scope is dropped to make room for one that is asked for. */
  #makeRoom(): void {
    for (const [key, oldest] of this.#lingering) {
      oldest.cancelLinger?.();
      this.#drop(key, oldest);
      return;
    }
  }

  #add(key: string, scope: BroadcastScope): Entry | undefined {
    if (this.#entries.size >= this.#deps.maxScopes) this.#makeRoom();
    if (this.#entries.size >= this.#deps.maxScopes) {
      this.#deps.refused();
      return undefined;
    }
    const entry: Entry = { scope, complete: false, users: 0, stop: undefined, cancelLinger: undefined };
    this.#entries.set(key, entry);
    const path = pathOf(scope);
    const here = this.#byPath.get(path);
    if (here === undefined) this.#byPath.set(path, new Set([entry]));
    else here.add(entry);
    if (this.#cover(scope) === undefined) entry.stop = this.#deps.ask(scope, (all) => this.#told(entry, all));
    return entry;
  }

  #told(entry: Entry, complete: boolean): void {
    entry.complete = complete;
    if (!complete) return;
    for (const [waits, waiting] of [...this.#waiting]) {
      if (this.#known(waiting) && this.#waiting.delete(waits)) waits();
    }
  }

  #known({ scope, stop, complete }: Entry): boolean {
    return stop === undefined ? this.#cover(scope)?.complete === true : complete;
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#lingering.delete(key);
    const path = pathOf(entry.scope);
    const here = this.#byPath.get(path);
    if (here?.delete(entry) && here.size === 0) this.#byPath.delete(path);
    const { stop, complete } = entry;
    if (stop === undefined) return;
    const orphans = entry.scope.kind === "under" ? this.#orphans(entry.scope.prefix) : [];
    if (orphans.length === 0) stop();
    else this.#handOver(stop, complete, orphans);
  }

  /** What `prefix` covered and nothing that is asked for does. */
  #orphans(prefix: string): Entry[] {
    const found: Entry[] = [];
    for (const here of this.#byPath.under(prefix)) {
      for (const entry of here)
        if (entry.stop === undefined && this.#cover(entry.scope) === undefined) found.push(entry);
    }
    return found;
  }

  /** Nothing that is known may be forgotten in between: the old scope goes when the new ones were told. */
  #handOver(stop: () => void, complete: boolean, orphans: readonly Entry[]): void {
    let waiting = orphans.length;
    const leave = () => {
      if (!this.#leaving.delete(leave)) return;
      cancel();
      stop();
    };
    this.#leaving.add(leave);
    const cancel = this.#deps.clock.timer(HANDOVER_MS, leave);
    for (const orphan of orphans) {
      let first = true;
      // What the wider one announced stays known until the orphan has its own answer.
      orphan.complete = complete;
      orphan.stop = this.#deps.ask(orphan.scope, (all) => {
        this.#told(orphan, all);
        if (!all || !first) return;
        first = false;
        waiting -= 1;
        if (waiting === 0) leave();
      });
    }
  }

  /** A wider scope that is asked for by itself. */
  #cover(scope: BroadcastScope): Entry | undefined {
    const path = pathOf(scope);
    for (let end = path.length; ; end = path.lastIndexOf("/", end - 1)) {
      const prefix = end > 0 ? path.slice(0, end) : "";
      const wider = this.#entries.get(scopeKey({ kind: "under", prefix }));
      if (wider?.stop !== undefined && wider.scope !== scope) return wider;
      if (end <= 0) return undefined;
    }
  }
}

function pathOf(scope: BroadcastScope): string {
  return scope.kind === "under" ? scope.prefix : scope.path;
}
