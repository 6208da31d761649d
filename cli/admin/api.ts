/** The operations of the admin API. `npm run docs:cli` makes `api.json` from the OpenAPI document of the relay. */
import * as z from "zod";
import described from "./api.json" with { type: "json" };

const field = z.object({
  name: z.string(),
  in: z.enum(["path", "query", "body"]),
  required: z.boolean(),
  /** A type of JSON Schema. */
  type: z.string(),
  values: z.array(z.string()).optional(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  description: z.string().optional(),
});
/** A parameter, or a member of the body. */
export type ApiField = z.output<typeof field>;

const operation = z.object({
  id: z.string(),
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]),
  /** Under `/api/v1`. */
  path: z.string(),
  right: z.enum(["read", "write"]),
  summary: z.string(),
  fields: z.array(field),
});
export type ApiOperation = z.output<typeof operation>;

export const OPERATIONS: ReadonlyMap<string, ApiOperation> = new Map(
  z
    .object({ operations: z.array(operation) })
    .parse(described)
    .operations.map((one) => [one.id, one]),
);

/** A value of JSON. */
export type Json = unknown;

/** The member at a dotted path, such as `sessions.active`; undefined when there is none. */
export function at(value: Json, path: string): Json {
  return path === "" ? value : path.split(".").reduce<Json>((inner, name) => member(inner, name), value);
}

function member(value: Json, name: string): Json {
  return isRecord(value) ? value[name] : undefined;
}

export function isRecord(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list at a dotted path; empty when there is none. */
export function listAt(value: Json, path: string): readonly Json[] {
  const list = at(value, path);
  return Array.isArray(list) ? list : [];
}

/** A value as text: a text as it is, anything else as JSON. */
export function textOf(value: Json): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
