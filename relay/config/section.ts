import { z } from "zod";

/** A rule over several keys of one section, checked when each of them is right by itself. */
export interface Rule<Values> {
  /** Keys as the file writes them; the problem is shown at the first one that was given. */
  readonly keys: readonly (keyof Values & string)[];
  /** What is wrong, naming the keys; nothing when all is well. */
  readonly broken: (values: Values) => string | undefined;
}

/** A broken {@link Rule}. */
export interface Conflict {
  readonly keys: readonly string[];
  readonly message: string;
}

/** One `[name]` of the configuration file: what its owner reads, with defaults and descriptions. */
export interface Section<Shape extends z.ZodRawShape> {
  readonly name: string;
  readonly description: string;
  readonly schema: z.ZodObject<Shape, z.core.$strict>;
  /** Broken rules among values that the schema accepts, defaults in place. */
  conflicts(raw: unknown): Conflict[];
}

export function section<Shape extends z.ZodRawShape>(
  name: string,
  description: string,
  shape: Shape,
  rules: readonly Rule<z.output<z.ZodObject<Shape, z.core.$strict>>>[] = [],
): Section<Shape> {
  const schema = z.strictObject(shape);
  const conflicts = (raw: unknown): Conflict[] => {
    const values = schema.parse(raw);
    return rules.flatMap(({ keys, broken }) => {
      const message = broken(values);
      return message === undefined ? [] : [{ keys, message }];
    });
  };
  return { name, description, schema, conflicts };
}

/** The values of a section under the names of its file. */
export type Values<S> = S extends Section<infer Shape> ? z.output<z.ZodObject<Shape, z.core.$strict>> : never;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

/** `snake_case` keys of the file as `camelCase` keys of the program. */
export type CamelKeys<T> = { readonly [K in keyof T as K extends string ? Camel<K> : never]: Frozen<T[K]> };

type Frozen<T> = T extends readonly (infer Item)[] ? readonly Item[] : T;

export function camel(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function camelKeys<T extends object>(values: T): CamelKeys<T> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [camel(key), value])) as CamelKeys<T>;
}
