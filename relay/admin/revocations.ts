import * as z from "zod";
import { type ListedRevocation, type Revocation, RevocationError, revocationSchema } from "../../auth/index.ts";
import { ApiProblem, DONE, doneSchema, type Operation, operation, page, pageOf, pageShape } from "../http/index.ts";

/** The relay's list of revocations. */
interface List {
  revoke(entry: Revocation): Promise<void>;
  restore(entry: Revocation): Promise<boolean>;
  listRevocations(): Iterable<ListedRevocation>;
}

const name = z.string().min(1).max(256).optional();
const named = {
  jti: name.describe("Id of one token."),
  kid: name.describe("Id of the key that signed the tokens."),
  sub: name.describe("Subject of the tokens."),
};
const row = z.object({
  ...named,
  until: z.number().optional().describe("When it expires, in seconds since 1970."),
  from: z.string().optional().describe("The relay of the mesh that made it; absent: this relay."),
});

/** Tokens that count no more. `endElsewhere` ends a revocation of another relay; false when that relay still reports it. */
export function revocationOperations(list: List, endElsewhere: (one: ListedRevocation) => boolean): Operation[] {
  const described = { path: "/revocations", tag: "revocations" } as const;
  return [
    operation(
      {
        ...described,
        method: "get",
        right: "read",
        id: "listRevocations",
        summary: "The revocations in force, those of other relays of the mesh included.",
        query: z.strictObject(pageShape),
        answer: pageOf(row),
      },
      ({ query }) => page([...list.listRevocations()].map(describe), query),
    ),
    operation(
      {
        ...described,
        method: "post",
        right: "write",
        id: "addRevocation",
        summary: "Revoke tokens by `jti`, `kid` or `sub`, in the whole mesh, and end their sessions.",
        body: revocationSchema,
        answer: z.object({ revoked: revocationSchema }),
      },
      async ({ body }) => {
        await saved(() => list.revoke(body));
        return { revoked: body };
      },
    ),
    operation(
      {
        ...described,
        method: "delete",
        right: "write",
        id: "removeRevocation",
        summary:
          "Remove the revocations of the `jti`, `kid` and `sub` that are named: all, or none when one is not there. Tokens that have not expired are accepted again.",
        query: z.strictObject(named),
        answer: doneSchema,
      },
      async ({ query: { jti, kid, sub } }) => {
        const entries = [{ jti }, { kid }, { sub }].flatMap((one) => revocationSchema.safeParse(one).data ?? []);
        const known = new Set([...list.listRevocations()].map(({ entry }) => nameOf(entry)));
        if (entries.length === 0 || !entries.every((entry) => known.has(nameOf(entry)))) throw unknownRevocation();
        for (const entry of entries) {
          if (!(await saved(() => list.restore(entry)))) removeElsewhere(list, entry, endElsewhere);
        }
        return DONE;
      },
    ),
  ];
}

/** Throws when no relay has such an entry, or one has it that has to be asked itself. */
function removeElsewhere(list: List, entry: Revocation, end: (one: ListedRevocation) => boolean): void {
  const found = [...list.listRevocations()].filter((one) => nameOf(one.entry) === nameOf(entry));
  if (found.length === 0) throw unknownRevocation();
  const kept = found.filter((one) => !end(one)).map(({ from }) => from);
  if (kept.length === 0) return;
  throw new ApiProblem(409, "revoked_elsewhere", `this was revoked at ${kept.join(", ")}: remove it there`);
}

function unknownRevocation(): ApiProblem {
  return new ApiProblem(404, "no_such_revocation", "there is no such revocation");
}

/** What an entry names, whenever it expires. */
function nameOf(entry: Revocation): string {
  const { until: _, ...names } = entry;
  return JSON.stringify(names);
}

function describe({ entry, from }: ListedRevocation): z.output<typeof row> {
  return { ...entry, ...(from !== undefined && { from }) };
}

async function saved<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RevocationError) throw new ApiProblem(507, "revocations_full", error.message);
    throw error;
  }
}
