import { RevocationError, revocationSchema } from "../../auth/index.ts";
import type { AuthGate } from "./gate.ts";

/** What an operator who revokes is answered. */
export interface RevokeAnswer {
  /** HTTP status. */
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Revokes what `entry` names, which has not been checked, and ends its sessions before it answers. */
export async function revokeAtGate(gate: AuthGate, entry: unknown): Promise<RevokeAnswer> {
  const parsed = revocationSchema.safeParse(entry);
  if (!parsed.success) {
    return {
      status: 400,
      body: { error: 'expected {"jti": "..."}, {"kid": "..."} or {"sub": "..."}, and "until" in seconds' },
    };
  }
  try {
    await gate.revoke(parsed.data);
  } catch (error) {
    if (!(error instanceof RevocationError)) throw error;
    return { status: 507, body: { error: error.message } };
  }
  return { status: 200, body: { revoked: parsed.data } };
}
