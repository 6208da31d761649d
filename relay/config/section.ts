import * as z from "zod";
import { type Duration, fields } from "./fields.ts";

/** A rule over several keys of one section. It is checked when each value is valid by itself. */
export interface Rule<Values> {
  /** Keys as the file writes them; the problem is shown at the first one that has a value. */
  readonly keys: readonly (keyof Values & string)[];
  /** What is wrong, with the names of the keys; nothing when the rule holds. */
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
  /** The rules that values break which the schema accepts; defaults are in place. */
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

/** What a file may have in a section. */
export type GivenValues<S> =
  S extends Section<infer Shape> ? { readonly [K in keyof Given<Shape>]: Frozen<Given<Shape>[K]> } : never;

type Given<Shape extends z.ZodRawShape> = z.input<z.ZodObject<Shape, z.core.$strict>>;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

/** The values of a section under the names of the program: see {@link programKey}. */
export type ProgramValues<S> =
  S extends Section<infer Shape>
    ? {
        readonly [K in keyof Values<S> as K extends keyof Shape & string ? ProgramKey<K, Shape[K]> : never]: Frozen<
          Values<S>[K]
        >;
      }
    : never;

type ProgramKey<K extends string, Schema> = Schema extends Duration ? `${Camel<K>}Ms` : Camel<K>;

type Frozen<T> = T extends readonly (infer Item)[] ? readonly Item[] : T;

/** The program's name of a key: `camelCase` for `snake_case`, with the unit behind it where the value is a duration. */
export function programKey(key: string, schema: z.core.$ZodType | undefined): string {
  const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return schema !== undefined && fields.get(schema)?.kind === "duration" ? `${name}Ms` : name;
}

/** The values of a configuration by the names that sections have in a file. */
export function valuesBySection(config: object, names: Iterable<string>): Map<string, object> {
  const values = new Map<string, object>(Object.entries(config));
  return new Map([...names].map((name) => [name, values.get(programKey(name, undefined)) ?? {}]));
}

/** The values that the program uses for what a file has: checked, defaults in place, under the names of the program. */
export function programValues<S extends Section<z.ZodRawShape>>(section: S, raw: unknown): ProgramValues<S> {
  const { shape } = section.schema;
  const values = Object.entries(section.schema.parse(raw));
  return Object.fromEntries(values.map(([key, value]) => [programKey(key, shape[key]), value])) as ProgramValues<S>;
}
