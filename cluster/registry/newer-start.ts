import type { StoredNode } from "./contract.ts";

/** Milliseconds by which two leases of one relay may differ for other reasons than another root's renewal. */
export const LEASE_SLACK_MS = 500;

/**
 * Relays that have a session here, while a later start of each is kept. It may be the relay that has come back elsewhere, or what is
 * left of one whose clock was ahead: then nobody renews it.
 */
export class NewerStarts {
  readonly #leaseMs: number;
  readonly #seen = new Map<string, { readonly startedAt: number; readonly leftMs: number; readonly at: number }>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Whether it has been renewed for so long that some root has a session with it, too. */
  lives({ info, leftMs }: StoredNode, now: number): boolean {
    const first = this.#seen.get(info.node);
    if (first?.startedAt !== info.startedAt) {
      this.#seen.set(info.node, { startedAt: info.startedAt, leftMs, at: now });
      return false;
    }
    const passed = now - first.at;
    return passed >= this.#leaseMs / 2 && leftMs > first.leftMs - passed + LEASE_SLACK_MS;
  }

  delete(node: string): void {
    this.#seen.delete(node);
  }
}
