/** Schemas that several resources share. */
import { z } from "zod";

/** Most entries of one page of a list: enough for a terminal, and cheap to build. */
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

/** Query of a list: one page of it. */
export const pageShape = {
  limit: z.coerce.number().int().min(0).max(MAX_PAGE).default(DEFAULT_PAGE).describe("Most entries in the answer."),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0).describe("Entries to skip."),
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
  .transform((path) => path.replace(/^\/+|\/+$/g, ""));

/** Why an action is taken; the peers that it ends may read it. */
export const reasonField = z.string().max(200).optional();

export const doneSchema = z.object({ done: z.literal(true) });
export const DONE = { done: true } as const;
