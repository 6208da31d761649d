import { z } from "zod";
import { type Revocation, RevocationError, revocationSchema } from "../../auth/index.ts";
import { ApiProblem, type Operation, operation } from "../http/index.ts";

/** Revokes. */
interface Revoker {
  revoke(entry: Revocation): Promise<void>;
}

/** Tokens that count no more. */
export function revocationOperations(gate: Revoker): Operation[] {
  return [
    operation(
      {
        method: "post",
        path: "/revocations",
        right: "write",
        tag: "revocations",
        id: "addRevocation",
        summary: "Revoke tokens by `jti`, `kid` or `sub`, and end their sessions.",
        body: revocationSchema,
        answer: z.object({ revoked: revocationSchema }),
      },
      async ({ body }) => {
        try {
          await gate.revoke(body);
        } catch (error) {
          if (error instanceof RevocationError) throw new ApiProblem(507, "revocations_full", error.message);
          throw error;
        }
        return { revoked: body };
      },
    ),
  ];
}
