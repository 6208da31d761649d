import type { MeshRevocation } from "../contract.ts";

/** Most revocations of all relays together, of about 300 bytes each; as many as one relay accepts. */
export const MAX_MESH_REVOCATIONS = 100_000;

export interface RevocationWatcher {
  revoked(revocation: MeshRevocation): void;
  /** The relay that revoked has ended it, or it has expired. */
  ended(revocation: MeshRevocation): void;
}

interface Entry {
  readonly revocation: MeshRevocation;
  /** Sessions whose relay reports it. */
  readonly sessions: Set<object>;
  /** The backend that roots share has it. */
  shared: boolean;
}

/** What a revocation is known by: two relays may revoke the same. */
export function revocationKey({ node, until, text }: MeshRevocation): string {
  return `${node}/${until}/${text}`;
}

/**
 * The revocations that a root knows. One ends when its relay says so, when an operator ends it here, or when it expires; never because a session or
 * another root is lost, because a token that was revoked must not come back into use by an accident.
 */
export class RevocationBoard {
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Set<RevocationWatcher>();

  get size(): number {
    return this.#entries.size;
  }

  *list(): Generator<MeshRevocation> {
    for (const { revocation } of this.#entries.values()) yield revocation;
  }

  has(revocation: MeshRevocation): boolean {
    return this.#entries.has(revocationKey(revocation));
  }

  watch(watcher: RevocationWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** A relay reports it in `session`. False when there are too many. */
  report(revocation: MeshRevocation, session: object): boolean {
    const entry = this.#add(revocation);
    entry?.sessions.add(session);
    return entry !== undefined;
  }

  /** The session ended: the revocation stays. */
  lost(revocation: MeshRevocation, session: object): void {
    this.#entries.get(revocationKey(revocation))?.sessions.delete(session);
  }

  /** The relay ended the revocation. It stays while another session reports it. */
  end(revocation: MeshRevocation, session: object): void {
    const entry = this.#entries.get(revocationKey(revocation));
    entry?.sessions.delete(session);
    if (entry?.sessions.size === 0) this.#remove(entry);
  }

  /** An operator ends it at this root. False while its relay reports it, which would report it again. */
  drop(revocation: MeshRevocation): boolean {
    const entry = this.#entries.get(revocationKey(revocation));
    if (entry === undefined || entry.sessions.size > 0) return false;
    this.#remove(entry);
    return true;
  }

  /** Ends what has expired. `now`: seconds since 1970. */
  sweep(now: number): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.revocation.until > 0 && entry.revocation.until <= now) this.#remove(entry);
    }
  }

  /** The backend that roots share has it. */
  adopt(revocation: MeshRevocation): void {
    const entry = this.#add(revocation);
    if (entry !== undefined) entry.shared = true;
  }

  /** Another root has removed it from the backend. */
  abandon(revocation: MeshRevocation): void {
    const entry = this.#entries.get(revocationKey(revocation));
    if (entry === undefined) return;
    entry.shared = false;
    if (entry.sessions.size === 0) this.#remove(entry);
  }

  /** The backend has lost everything: all is to be written again. */
  forgetShared(): void {
    for (const entry of this.#entries.values()) entry.shared = false;
  }

  /** Those that the backend has, or does not have. */
  *shared(shared: boolean): Generator<MeshRevocation> {
    for (const entry of this.#entries.values()) if (entry.shared === shared) yield entry.revocation;
  }

  #add(revocation: MeshRevocation): Entry | undefined {
    const key = revocationKey(revocation);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_MESH_REVOCATIONS) return undefined;
    const entry: Entry = { revocation, sessions: new Set(), shared: false };
    this.#entries.set(key, entry);
    for (const watcher of [...this.#watchers]) watcher.revoked(revocation);
    return entry;
  }

  #remove({ revocation }: Entry): void {
    this.#entries.delete(revocationKey(revocation));
    for (const watcher of [...this.#watchers]) watcher.ended(revocation);
  }
}
