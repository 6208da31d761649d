/** For a name that the relay does not know: the nearest one that it knows. */

import { printable } from "../../moq/printable.ts";
import { nearest } from "../../relay/config/index.ts";
import { at, listAt, OPERATIONS, textOf } from "./api.ts";
import type { AdminApi, Values } from "./ask.ts";
import { AdminFailure } from "./failure.ts";

/** Names that are compared: one page of a list. */
const PAGE = 1_000;

interface Names {
  /** The operation that lists them. */
  readonly operation: string;
  /** Fields of the request that may have the wrong name, and those of the rows that have the right one. */
  readonly fields: Readonly<Record<string, string>>;
}

const BY_CODE: ReadonlyMap<string, Names> = new Map([
  ["no_such_session", { operation: "listSessions", fields: { id: "id" } }],
  ["no_such_broadcast", { operation: "listBroadcasts", fields: { broadcast: "path", path: "path" } }],
  ["no_such_track", { operation: "listTracks", fields: { track: "track" } }],
  ["no_such_key", { operation: "listKeys", fields: { kid: "id" } }],
  ["no_such_revocation", { operation: "listRevocations", fields: { jti: "jti", kid: "kid", sub: "sub" } }],
]);

/** The failure with the nearest name, where there is one. */
export async function withNearName(failure: unknown, api: AdminApi, values: Values): Promise<unknown> {
  if (!(failure instanceof AdminFailure) || failure.problem === undefined) return failure;
  const names = BY_CODE.get(failure.problem);
  const operation = OPERATIONS.get(names?.operation ?? "");
  const [typed, field] = Object.entries(names?.fields ?? {}).find(([name]) => values[name] !== undefined) ?? [];
  if (operation === undefined || typed === undefined || field === undefined) return failure;
  try {
    const prefix = failure.problem === "no_such_track" ? { prefix: values["broadcast"] } : {};
    const { body } = await api.ask(operation, { limit: PAGE, ...prefix });
    const known = listAt(body, "items").map((row) => at(row, field));
    const meant = nearest(
      textOf(values[typed]).replace(/^\/+|\/+$/g, ""),
      known.filter((one) => typeof one === "string"),
    );
    return meant === undefined ? failure : failure.with(`did you mean "${printable(meant)}"?`);
  } catch {
    return failure;
  }
}
