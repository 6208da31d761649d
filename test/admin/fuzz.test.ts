/** Requests made at random from the document of the admin API: each gets an answer that the document names, and none a 500. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as z from "zod";
import { problemSchema } from "../../relay/http/api/problem.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { publishTo } from "../support/publisher.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";

/** Requests of each operation. */
const RUNS = 40;
/** Operations that end the relay's service, or take a second each. */
const LEFT_OUT = new Set(["drain", "undrain", "takeHeapSnapshot", "reload"]);

const described = z.object({
  operationId: z.string(),
  parameters: z.array(z.object({ name: z.string(), in: z.enum(["path", "query"]), schema: z.looseObject({}) })),
  requestBody: z
    .object({ content: z.object({ "application/json": z.object({ schema: z.looseObject({}) }) }) })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
});
const documentSchema = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), described)) });

type Schema = Readonly<Record<string, unknown>>;

/** Values that fit `schema`, and about as many that do not. */
function anyValue(schema: Schema): fc.Arbitrary<unknown> {
  const { type, properties, items, anyOf } = schema;
  const choices: fc.Arbitrary<unknown>[] = [fc.jsonValue({ maxDepth: 2 })];
  if (Array.isArray(schema["enum"])) choices.push(fc.constantFrom(...schema["enum"]));
  if (type === "string") choices.push(fc.string(), fc.constantFrom("live/room", "", "/", "%2e%2e", "a".repeat(2_000)));
  if (type === "integer" || type === "number") choices.push(fc.integer(), fc.double(), fc.nat(1_000));
  if (type === "boolean") choices.push(fc.boolean());
  if (isSchema(items)) choices.push(fc.array(anyValue(items), { maxLength: 3 }));
  if (Array.isArray(anyOf)) choices.push(...anyOf.filter(isSchema).map(anyValue));
  if (isSchema(properties)) {
    const members = Object.entries(properties).map(([name, one]) => [
      name,
      isSchema(one) ? anyValue(one) : fc.string(),
    ]);
    choices.push(fc.record(Object.fromEntries(members), { requiredKeys: [] }));
  }
  return fc.oneof(...choices);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as a part of a URL. */
function textOf(value: unknown): string {
  return encodeURIComponent((typeof value === "string" ? value : JSON.stringify(value)).toWellFormed());
}

type Described = z.output<typeof described>;

/** Sends one request of an operation, and checks its answer. */
async function check(relay: TestRelay, method: string, path: string, one: Described, values: Values): Promise<void> {
  const { operationId, parameters, requestBody, responses } = one;
  let target = path;
  const query: string[] = [];
  for (const { name, in: place } of parameters) {
    const value = values[name];
    if (place === "path") target = target.replace(`{${name}}`, textOf(value ?? "none") || "none");
    else if (value !== null) query.push(`${name}=${textOf(value)}`);
  }
  const body = requestBody === undefined ? {} : { body: JSON.stringify(values[BODY]) };
  const response = await fetch(relay.admin(`${target}?${query.join("&")}`), {
    method: method.toUpperCase(),
    headers: { Authorization: `Bearer ${ADMIN_SECRET}`, ...(requestBody && { "Content-Type": "application/json" }) },
    ...body,
  });
  const answer: unknown = await response.json();
  assert.ok(response.status < 500, `${operationId}: ${response.status}`);
  assert.ok(String(response.status) in responses, `${operationId}: ${response.status} is not in the document`);
  if (response.status !== 200) problemSchema.parse(answer);
}

type Values = Readonly<Record<string, unknown>>;
/** Among the values of a request, its body. */
const BODY = "the body";

function valuesOf({ parameters, requestBody }: Described): fc.Arbitrary<Values> {
  const body = requestBody?.content["application/json"].schema;
  return fc.record(
    Object.fromEntries([
      ...parameters.map(({ name, schema }): [string, fc.Arbitrary<unknown>] => [name, fc.option(anyValue(schema))]),
      [BODY, body === undefined ? fc.constant(undefined) : anyValue(body)],
    ]),
  );
}

describe("the admin API with requests made at random", () => {
  it("answers each with a status and a body that its document names", { timeout: patient(110_000) }, async () => {
    await withRelay({ "http.admin_rate": "100000", "http.admin_burst": "100000" }, async (relay) => {
      await publishTo(relay.at("ws"), "live/room", "video", [["a"]]);
      const { paths } = documentSchema.parse(await (await fetch(relay.admin("/api/v1/openapi.json"))).json());
      const all = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, one]) => ({ path, method, one })),
      );
      for (const { path, method, one } of all.filter((each) => !LEFT_OUT.has(each.one.operationId))) {
        await fc.assert(
          fc.asyncProperty(valuesOf(one), (values) => check(relay, method, path, one, values)),
          { numRuns: RUNS },
        );
      }
    });
  });
});
