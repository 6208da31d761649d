/** Schemas that several resources share. */
import * as z from "zod";
import { DOCUMENTED } from "./problem.ts";

/** Most entries of one page of a list: enough for a terminal, and cheap to build. */
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

/** A number as JSON writes it. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i;

/** A number in a query, which is text there. Other texts, such as an empty one, are refused and not read as 0. */
export function fromText<Schema extends z.ZodType<number | undefined>>(schema: Schema) {
  return z.preprocess((text) => (typeof text === "string" && NUMBER.test(text) ? Number(text) : text), schema);
}

/** `true` or `false` in a query; false without it. */
export const switchField = z.preprocess(
  (text) => (text === "true" ? true : text === "false" ? false : text),
  z.boolean().default(false),
);

/** Query of a list: one page of it. */
export const pageShape = {
  limit: fromText(z.int().min(0).max(MAX_PAGE).default(DEFAULT_PAGE)).describe("Most entries in the answer."),
  offset: fromText(z.int().min(0).max(1_000_000).default(0)).describe("Entries to skip."),
};

/** A list and the number of entries that fit the filters. */
export function pageOf<Entry extends z.ZodType>(entry: Entry) {
  return z.object({ total: z.int().describe("Entries that fit the filters."), items: z.array(entry) });
}

/** One page of `all`. */
export function page<T>(
  all: readonly T[],
  { limit, offset }: { limit: number; offset: number },
): { total: number; items: T[] } {
  return { total: all.length, items: all.slice(offset, offset + limit) };
}

/** A path of the relay as clients write it, with or without a slash at the front; read without slashes at its ends. */
export const pathField = z
  .string()
  .max(1_024)
  .overwrite((path) => path.replace(/^\/+|\/+$/g, ""));

/** Why an action is taken; the peers that it ends may read it. */
export const reasonField = z
  .string()
  .max(200)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression refuses control characters
  .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, "a reason has no control characters, such as NUL or line breaks")
  .optional()
  .describe("Why; the clients that it concerns may read it.");

/** An object with at least one of its members `names`; the document says so as well. */
export function withOneOf<Shape extends z.ZodRawShape>(shape: Shape, names: readonly (keyof Shape & string)[]) {
  const fits = (given: Readonly<Record<string, unknown>>) => names.some((name) => given[name] !== undefined);
  return z
    .strictObject(shape)
    .refine(fits, { error: `name at least one of ${names.join(", ")}`, params: DOCUMENTED })
    .meta({ anyOf: names.map((name) => ({ required: [name] })) });
}

export const doneSchema = z.object({ done: z.literal(true) });
export const DONE = { done: true } as const;
