import { AuthError } from "../error.ts";

/** Counts the sessions of each tenant: the first segment of a token's root, or of the path without a token. */
export class Tenants {
  readonly #most: number;
  /** Only tenants with sessions, so it is as bounded as they are. */
  readonly #sessions = new Map<string, number>();

  /** `most` sessions each; 0 is no bound. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a session until the returned function is called. Throws {@link AuthError} `tenant_sessions`. */
  enter(tenant: string): () => void {
    const count = this.#sessions.get(tenant) ?? 0;
    if (this.#most > 0 && count >= this.#most) {
      throw new AuthError("tenant_sessions", "too many sessions under this root");
    }
    this.#sessions.set(tenant, count + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const now = (this.#sessions.get(tenant) ?? 1) - 1;
      if (now === 0) this.#sessions.delete(tenant);
      else this.#sessions.set(tenant, now);
    };
  }
}
