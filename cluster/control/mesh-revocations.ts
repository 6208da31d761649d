import type { Clock } from "../../moq/clock.ts";
import type { Session } from "../../moq/session/index.ts";
import type { MeshRevocation } from "../contract.ts";
import { parseControlPath, REVOCATIONS } from "../control-paths.ts";
import { LeasedAnswer } from "../leased-answer.ts";
import { MAX_MESH_REVOCATIONS, type RevocationWatcher, revocationKey } from "../registry/index.ts";

export interface MeshRevocationsDeps {
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Called for each revocation once, whatever the number of roots that announce it. */
  readonly events: RevocationWatcher;
  /** There are too many, so one is ignored. */
  readonly refused: () => void;
}

/** What one announcement of a root says; nothing when it is not understood. */
interface Statement {
  readonly revocation: MeshRevocation | undefined;
}

/**
 * The revocations that all roots announce to this relay. Every root is asked, because each may know some that the others do not. A
 * revocation ends when a root withdraws it, and stays when a root is lost or forgets it.
 */
export class MeshRevocations {
  readonly #deps: MeshRevocationsDeps;
  readonly #answers = new Map<object, LeasedAnswer<Statement>>();
  /** By key, with the roots that announce it now. */
  readonly #known = new Map<string, { readonly revocation: MeshRevocation; readonly roots: Set<object> }>();

  constructor(deps: MeshRevocationsDeps) {
    this.#deps = deps;
  }

  /** Asks a root over a session, in place of an earlier one. */
  follow(root: object, session: Pick<Session, "follow">): void {
    const answer = this.#answers.get(root) ?? this.#answerOf(root);
    this.#answers.set(root, answer);
    this.lost(root);
    answer.follow(session);
  }

  /** The session with the root is lost. */
  lost(root: object): void {
    this.#answers.get(root)?.detach();
    for (const { roots } of this.#known.values()) roots.delete(root);
  }

  close(): void {
    for (const answer of this.#answers.values()) answer.close();
  }

  /** Forgets what has expired, also where no root says so. `now`: seconds since 1970. */
  sweep(now: number): void {
    for (const { revocation } of [...this.#known.values()]) {
      if (revocation.until > 0 && revocation.until <= now) this.forget(revocation);
    }
  }

  /** An operator ends it at this relay. */
  forget(revocation: MeshRevocation): void {
    if (this.#known.delete(revocationKey(revocation))) this.#deps.events.ended(revocation);
  }

  #answerOf(root: object): LeasedAnswer<Statement> {
    const { clock, leaseMs } = this.#deps;
    return new LeasedAnswer<Statement>({
      clock,
      leaseMs,
      prefix: REVOCATIONS,
      read: (path) => {
        const parsed = parseControlPath(path);
        return { revocation: parsed?.kind === "revocation" ? parsed.revocation : undefined };
      },
      events: {
        announced: (_path, { revocation }) => {
          if (revocation !== undefined) this.#announced(root, revocation);
        },
        withdrawn: (_path, { revocation }) => {
          if (revocation !== undefined) this.#withdrawn(root, revocation);
        },
        expired: () => {},
        complete: () => {},
      },
    });
  }

  #announced(root: object, revocation: MeshRevocation): void {
    const key = revocationKey(revocation);
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.roots.add(root);
      return;
    }
    if (this.#known.size >= MAX_MESH_REVOCATIONS) {
      this.#deps.refused();
      return;
    }
    this.#known.set(key, { revocation, roots: new Set([root]) });
    this.#deps.events.revoked(revocation);
  }

  #withdrawn(root: object, revocation: MeshRevocation): void {
    const known = this.#known.get(revocationKey(revocation));
    known?.roots.delete(root);
    if (known?.roots.size === 0) this.forget(revocation);
  }
}
