/** The admin API of a relay under test. */
import assert from "node:assert/strict";
import { ADMIN_SECRET } from "../support/admin.ts";
import type { TestRelay } from "../support/relay.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Asks the API with the right to act. `target` is under `/api/v1`. */
export async function ask(
  relay: TestRelay,
  method: string,
  target: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiAnswer> {
  const response = await fetch(relay.admin(`/api/v1${target}`), {
    method,
    headers: {
      Authorization: `Bearer ${ADMIN_SECRET}`,
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.equal(response.headers.get("cache-control"), "no-store");
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** The code of an answer that is a problem. */
export function codeOf({ body }: ApiAnswer): unknown {
  const { error } = body;
  assert.ok(typeof error === "object" && error !== null && "code" in error && "message" in error);
  return error.code;
}

/** The entries of an answer that is a list. */
export function itemsOf({ body }: ApiAnswer): Readonly<Record<string, unknown>>[] {
  const { items } = body;
  assert.ok(Array.isArray(items));
  return items;
}
