/** The OpenAPI document, made from the schemas that the operations check with. */
import * as z from "zod";
import type { Operation } from "./operation.ts";
import { type ProblemStatus, problemSchema } from "./problem.ts";

/** Where the API begins. */
export const API_PREFIX = "/api/v1";

type Json = Readonly<Record<string, unknown>>;

/** The document by OpenAPI 3.1, for operations under {@link API_PREFIX}. */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of operations) {
    const path = `${API_PREFIX}${one.path}`;
    paths[path] = { ...paths[path], [one.method]: describeOperation(one) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "moqmesh admin API",
      version,
      description: "What an operator sees of a relay and does to it. Reading needs the right `read`, acting `write`.",
      license: { name: "MIT OR Apache-2.0" },
    },
    security: [{ bearer: [] }, {}],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "The secret of a token file, or a JWT with the claim `admin`: `read` or `write`.",
        },
      },
      schemas: { Problem: schemaOf(problemSchema, "output") },
    },
  };
}

function describeOperation(one: Operation): Json {
  const statuses: ProblemStatus[] = [400, 401, 403, 404, 405, 422, 429, 500, 503];
  if (one.method !== "get") statuses.push(409, 413, 415, 507);
  return {
    operationId: one.id,
    tags: [one.tag],
    summary: one.summary,
    ...(one.right === "write" && { security: [{ bearer: [] }] }),
    "x-right": one.right,
    parameters: [...parameters(one.params, "path"), ...parameters(one.query, "query")],
    ...(one.body !== undefined && {
      requestBody: { required: true, content: { "application/json": { schema: schemaOf(one.body, "input") } } },
    }),
    responses: {
      200: { description: "Done.", content: { "application/json": { schema: schemaOf(one.answer, "output") } } },
      ...Object.fromEntries(
        [...new Set(statuses)].map((status) => [
          status,
          {
            description: PROBLEMS[status],
            content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        ]),
      ),
      // Node refuses these before any of our code has the request.
      431: { description: "The target and the header fields are longer than 16 KiB. The answer has no body." },
    },
  };
}

const PROBLEMS: Readonly<Record<ProblemStatus, string>> = {
  400: "The request does not fit its schema.",
  401: "The credential is missing or not accepted.",
  403: "The credential does not grant this right, or the request comes from a page of another origin.",
  404: "There is no such thing.",
  405: "The path does not know this method.",
  409: "The state of the relay does not allow this now.",
  413: "The body is too long.",
  415: "The body is not JSON.",
  422: "A value fits its schema and cannot be used.",
  429: "Too many requests from this address.",
  500: "A defect of the relay.",
  503: "The relay cannot check the credential now.",
  507: "A bound of the relay was reached.",
};

function parameters(schema: z.ZodObject | undefined, place: "path" | "query"): Json[] {
  if (schema === undefined) return [];
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return Object.entries(shape).map(([name, field]) => {
    const { description, ...rest } = parameterSchema(field);
    const required = place === "path" || !z.safeParse(field, undefined).success;
    return { name, in: place, required, ...(description !== undefined && { description }), schema: rest };
  });
}

/** What is read from the text of a parameter. A transformation has no schema of what it gives; then that of what it takes. */
function parameterSchema(field: z.core.$ZodType): Json {
  const read = schemaOf(field, "output");
  return ["type", "enum", "anyOf", "const"].some((name) => name in read)
    ? read
    : { ...schemaOf(field, "input"), ...read };
}

function schemaOf(schema: z.core.$ZodType, io: "input" | "output"): Json {
  // What a transformation gives has no schema of its own; that of what goes in describes it to clients.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
