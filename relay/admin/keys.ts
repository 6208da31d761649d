import { z } from "zod";
import { type AdminRight, ALGORITHMS, type ListedKey } from "../../auth/index.ts";
import { type Operation, operation, page, pageOf, pageShape } from "../http/index.ts";

const RIGHTS = ["read", "write"] as const satisfies readonly AdminRight[];

const row = z.object({
  id: z.string().optional().describe("Its `kid`."),
  algorithms: z.array(z.enum(ALGORITHMS)),
  holds: z
    .enum(["public", "private", "secret"])
    .describe("What the relay has of it; `private` and `secret` can sign tokens as well."),
  source: z.string().describe("The file, folder or URL that it comes from."),
  scope: z
    .object({
      root: z.string(),
      put: z.array(z.string()),
      get: z.array(z.string()),
      cluster: z.boolean(),
      admin: z.enum(RIGHTS).optional(),
    })
    .optional()
    .describe("The most that its tokens may grant; absent: everything."),
});

/** The keys that verify tokens. No answer has any of their material. */
export function keyOperations(gate: { listKeys(): Iterable<ListedKey> }): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/keys",
        right: "read",
        tag: "keys",
        id: "listKeys",
        summary: "The keys that verify tokens now.",
        query: z.strictObject(pageShape),
        answer: pageOf(row),
      },
      ({ query }) => page([...gate.listKeys()].map(describe), query),
    ),
  ];
}

function describe({ kid, algs, holds, source, scope }: ListedKey): z.output<typeof row> {
  return {
    ...(kid !== undefined && { id: kid }),
    algorithms: [...algs],
    holds,
    source,
    ...(scope !== undefined && { scope }),
  };
}
