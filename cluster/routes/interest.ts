import type { Clock } from "../../moq/clock.ts";
import { PathTree } from "../../moq/model/index.ts";
import { type BroadcastScope, scopeKey } from "../contract.ts";

/** Milliseconds that a replaced scope is still asked for: the answers for the scopes that replace it have arrived by then. */
const HANDOVER_MS = 5_000;

export interface InterestDeps {
  readonly clock: Clock;
  /** Milliseconds that a scope is still asked for after its last user has left. */
  readonly lingerMs: number;
  /** Scopes asked for at once. */
  readonly maxScopes: number;
  /** Asks other relays; `progress` is called as {@link ScopeProgress}. Returns a stop. */
  readonly ask: (scope: BroadcastScope, progress: ScopeProgress) => () => void;
  /** A scope was refused because there are too many. */
  readonly refused: () => void;
}

/** `true`: the relays that were asked have announced all of the scope. `false`: they are gone, and others have not answered yet. */
export type ScopeProgress = (complete: boolean) => void;

interface Entry {
  readonly scope: BroadcastScope;
  /** Where it is asked for by itself: all of it has been announced. */
  complete: boolean;
  users: number;
  /** Set while it is asked for by itself; else a wider one covers it. */
  stop: (() => void) | undefined;
  cancelLinger: (() => void) | undefined;
}

/**
 * What is watched and wanted at this relay, as scopes to ask a root for. A new scope that a wider one covers is not asked for. A scope is
 * asked for while it has users and for `lingerMs` after.
 */
export class Interest {
  readonly #deps: InterestDeps;
  readonly #entries = new Map<string, Entry>();
  /** Entries by the prefix of a scope `under`, or the path of a scope `exact`. */
  readonly #byPath = new PathTree<Set<Entry>>();
  /** Entries without users, in the order in which their last users left. */
  readonly #lingering = new Map<string, Entry>();
  /** Stops of replaced scopes, until the scopes that replace them are answered. */
  readonly #replaced = new Set<() => void>();
  /** Called when all of the scope is known, through itself or a wider one. */
  readonly #incomplete = new Map<() => void, Entry>();

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
    for (const stop of [...this.#replaced]) stop();
    this.#incomplete.clear();
  }

  #use(scope: BroadcastScope, whenComplete?: () => void): () => void {
    const key = scopeKey(scope);
    const entry = this.#entries.get(key) ?? this.#add(key, scope);
    if (entry === undefined) return () => {};
    entry.users++;
    entry.cancelLinger?.();
    entry.cancelLinger = undefined;
    this.#lingering.delete(key);
    // A new function for each user: several users may pass the same one.
    const onComplete = whenComplete && (() => whenComplete());
    if (onComplete !== undefined) {
      if (this.#isComplete(entry)) onComplete();
      else this.#incomplete.set(onComplete, entry);
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      if (onComplete !== undefined) this.#incomplete.delete(onComplete);
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

  /** Drops the scope that has been unused for longest. */
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
    if (this.#cover(scope) === undefined) entry.stop = this.#deps.ask(scope, (all) => this.#setComplete(entry, all));
    return entry;
  }

  #setComplete(entry: Entry, complete: boolean): void {
    entry.complete = complete;
    if (!complete) return;
    for (const [onComplete, waiting] of [...this.#incomplete]) {
      if (this.#isComplete(waiting) && this.#incomplete.delete(onComplete)) onComplete();
    }
  }

  #isComplete({ scope, stop, complete }: Entry): boolean {
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

  /** Scopes that `prefix` covered and no other scope covers. */
  #orphans(prefix: string): Entry[] {
    const found: Entry[] = [];
    for (const here of this.#byPath.under(prefix)) {
      for (const entry of here)
        if (entry.stop === undefined && this.#cover(entry.scope) === undefined) found.push(entry);
    }
    return found;
  }

  /** The old scope is asked for until the new ones are answered, so that nothing is forgotten in between. */
  #handOver(stop: () => void, complete: boolean, orphans: readonly Entry[]): void {
    let waiting = orphans.length;
    const leave = () => {
      if (!this.#replaced.delete(leave)) return;
      cancel();
      stop();
    };
    this.#replaced.add(leave);
    const cancel = this.#deps.clock.timer(HANDOVER_MS, leave);
    for (const orphan of orphans) {
      let first = true;
      // What was announced for the wider scope stays known until the orphan has its own answer.
      orphan.complete = complete;
      orphan.stop = this.#deps.ask(orphan.scope, (all) => {
        this.#setComplete(orphan, all);
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
