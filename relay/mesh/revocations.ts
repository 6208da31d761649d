/** Revocations between the relay's own list and the mesh, which carries them as text. */
import { type Revocation, revocationSchema } from "../../auth/index.ts";
import {
  MAX_REVOCATION_TEXT,
  type MeshRevocation,
  type RevocationWatcher,
  revocationKey,
} from "../../cluster/index.ts";
import type { AuthGate } from "../host/index.ts";

/** What the mesh needs of the relay's list. */
export type RevocationList = Pick<AuthGate, "ownRevocations" | "learnRevocation" | "unlearnRevocation">;

/** As the mesh carries it; undefined for a name that is too long, about 200 characters beyond ASCII. */
export function meshRevocation(entry: Revocation): Omit<MeshRevocation, "node"> | undefined {
  const { until = 0, ...named } = entry;
  const text = Buffer.from(JSON.stringify(named)).toString("base64url");
  // Rounded up: it must not expire early.
  return text.length > MAX_REVOCATION_TEXT ? undefined : { until: Math.ceil(until), text };
}

/** Undefined for text that is no revocation, as of a later version. */
export function revocationOf({ text, until }: MeshRevocation): Revocation | undefined {
  try {
    const named: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    const whole = typeof named === "object" && until > 0 ? { ...named, until } : named;
    return revocationSchema.safeParse(whole).data;
  } catch {
    return undefined;
  }
}

/** Puts the revocations of other relays onto this relay's list. `own`: this relay's name. */
export function obey(list: RevocationList, warn: (message: string) => void): RevocationWatcher {
  let full = false;
  return {
    revoked: (revocation) => {
      const entry = revocationOf(revocation);
      if (entry === undefined) return;
      const fits = list.learnRevocation(revocationKey(revocation), entry, revocation.node);
      if (!fits && !full) {
        warn("the list of revocations is full: revocations of other relays have no effect here until some expire");
      }
      full = !fits;
    },
    ended: (revocation) => list.unlearnRevocation(revocationKey(revocation)),
  };
}
