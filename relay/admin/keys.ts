import * as z from "zod";
import {
  type AdminRight,
  ALGORITHMS,
  type KeyEditor,
  KeyError,
  type KeyFault,
  type ListedKey,
} from "../../auth/index.ts";
import type { SessionHost } from "../host/index.ts";
import { ApiProblem, type Operation, operation, page, pageOf, pageShape, switchField } from "../http/index.ts";

const RIGHTS = ["read", "write"] as const satisfies readonly AdminRight[];

/** Longest text of one key, in characters: a public RSA key of 16,384 bits has about 3,000. */
const MAX_KEY = 8_192;

const kid = z.string().min(1).max(256);

const row = z.object({
  id: z.string().optional().describe("Its `kid`."),
  algorithms: z.array(z.enum(ALGORITHMS)),
  holds: z
    .enum(["public", "private", "secret"])
    .describe("What the relay has of it; `private` and `secret` can sign tokens as well."),
  source: z
    .string()
    .optional()
    .describe("The file, folder or URL that it comes from; absent: it was added through this API and is in no file."),
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

const change = z.object({ id: z.string(), change: z.enum(["added", "removed"]) });

/** The keys that verify tokens: see, add, remove and save them. No answer and no line of the log has any of their material. */
export function keyOperations(gate: Keys, host: Pick<SessionHost, "list">): Operation[] {
  return [...seeAndAdd(gate), ...removeAndSave(gate, host)];
}

interface Keys {
  readonly keys: KeyEditor;
}

function seeAndAdd(gate: Keys): Operation[] {
  const described = { path: "/keys", tag: "keys" } as const;
  return [
    operation(
      {
        ...described,
        method: "get",
        right: "read",
        id: "listKeys",
        summary: "The keys that verify tokens now.",
        query: z.strictObject(pageShape),
        answer: pageOf(row).extend({
          unsaved: z
            .array(change)
            .describe("What was added and removed through this API and no file has: it counts until the relay ends."),
          place: z.string().optional().describe("The folder or file where keys are saved; absent: they cannot be."),
        }),
      },
      ({ query }) => {
        const { place } = gate.keys;
        const unsaved = gate.keys.unsaved().map((one) => ({ id: one.kid, change: one.change }));
        return { ...page(gate.keys.list().map(describe), query), unsaved, ...(place !== undefined && { place }) };
      },
    ),
    operation(
      {
        ...described,
        method: "post",
        right: "write",
        id: "addKey",
        summary: "Add a key that verifies tokens, from now until the relay ends; `keys/save` writes it into a file.",
        body: z.strictObject({
          key: z
            .string()
            .min(1)
            .max(MAX_KEY)
            .describe("A public key or a secret: a JWK, as JSON or as base64url of that JSON, or PEM."),
          kid: kid.optional().describe("Names a key that has no `kid`, such as one in PEM."),
        }),
        answer: z.object({
          added: row,
          needs_kid: z
            .boolean()
            .describe("True: tokens without `kid` were accepted until now, while there was one key, and are refused."),
        }),
      },
      ({ body, about }) => {
        if (body.kid !== undefined) about(body.kid);
        const key = orProblem(() => gate.keys.read(body.key, body.kid));
        if (key.kid !== undefined) about(key.kid);
        const { listed, needsKid } = orProblem(() => gate.keys.add(key));
        return { added: describe(listed), needs_kid: needsKid };
      },
    ),
  ];
}

function removeAndSave(gate: Keys, host: Pick<SessionHost, "list">): Operation[] {
  return [
    operation(
      {
        method: "delete",
        path: "/keys/{kid}",
        tag: "keys",
        right: "write",
        id: "removeKey",
        summary: "Remove a key: its tokens are refused from now on. `keys/save` removes it from its file as well.",
        params: z.strictObject({ kid: kid.describe("Id of the key.") }),
        query: z.strictObject({
          sessions: z
            .enum(["close", "keep"])
            .optional()
            .describe("What happens to open sessions that came by this key; without it, `auth.on_key_removed` says."),
          force: switchField.describe("Remove it also when it is the last key: the relay accepts no token then."),
        }),
        answer: z.object({
          removed: z.string(),
          sessions: z.int().describe("Open sessions that came by this key."),
          closed: z.int().describe("How many of them were ended."),
        }),
      },
      ({ params, query: { force, sessions } }) => {
        let open = 0;
        for (const { opened } of host.list()) if (opened.keyId === params.kid) open++;
        const then = orProblem(() => gate.keys.remove(params.kid, { force, sessions }));
        return { removed: params.kid, sessions: open, closed: then === "close" ? open : 0 };
      },
    ),
    operation(
      {
        method: "post",
        path: "/keys/save",
        tag: "keys",
        right: "write",
        id: "saveKeys",
        summary: "Write the keys that were added into their folder or file, and remove there those that were removed.",
        answer: z.object({
          saved: z.int().describe("Keys that were written or removed."),
          files: z.array(z.string()).describe("Files that were written or removed."),
          left: z
            .array(z.object({ id: z.string(), why: z.string() }))
            .describe("What could not be saved: it counts until the relay ends."),
        }),
      },
      async () => {
        const { saved, files, left } = await gate.keys.save().catch(rethrow);
        return { saved, files: [...files], left: left.map((one) => ({ id: one.kid, why: one.why })) };
      },
    ),
  ];
}

/** Conflicts with what the relay has; a fault that is not here is one of the key itself. */
const STATUSES: Partial<Readonly<Record<KeyFault, 404 | 409 | 507>>> = {
  no_such_key: 404,
  kid_taken: 409,
  kid_revoked: 409,
  key_without_kid: 409,
  auth_api_decides: 409,
  last_key: 409,
  key_from_url: 409,
  no_place_for_keys: 409,
  keys_not_saved: 409,
  keys_full: 507,
};

function orProblem<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return rethrow(error);
  }
}

function rethrow(error: unknown): never {
  if (error instanceof KeyError) throw new ApiProblem(STATUSES[error.code] ?? 422, error.code, error.message);
  throw error;
}

function describe({ kid: id, algs, holds, source, scope }: ListedKey): z.output<typeof row> {
  return {
    ...(id !== undefined && { id }),
    algorithms: [...algs],
    holds,
    ...(source !== undefined && { source }),
    ...(scope !== undefined && { scope }),
  };
}
