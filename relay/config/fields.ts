/**
 * Building blocks of the configuration schema. Each block is a zod schema; {@link fields} has its metadata for the documentation,
 * the environment and the flags.
 */
import * as z from "zod";
import { formatBytes, formatDuration, parseBytes, parseDuration, UnitError } from "./units.ts";

export type FieldKind = "text" | "integer" | "boolean" | "choice" | "list" | "duration" | "size" | "tables";

/** Metadata of one key, besides its schema. */
export interface FieldMeta {
  readonly kind: FieldKind;
  /** One or two sentences of Markdown for the reference page. */
  readonly description: string;
  /** The default as the file would write it; empty when there is none. */
  readonly default: string;
  /** What the relay does without a value, in Markdown, where there is no default. */
  readonly fallback?: string;
  /** The allowed values, for error messages and the reference page. */
  readonly expects: string;
  readonly choices?: readonly string[];
  /** For a value that may hold a secret: the value as people may see it. */
  readonly shown?: (value: string) => string;
  /** The value is the path of a file that holds a secret. */
  readonly secretFile?: SecretFile;
  /** The value of the program as the file would write it, where its JSON is not that. */
  readonly written?: (value: unknown) => string;
  /** Name of a short flag without its dashes, such as `port`. */
  readonly flag?: string;
  /** A reload applies a new value to the running relay, for new sessions. Without it a new value needs a restart. */
  readonly live?: true;
  /** A bound, which the metric `limit` shows. Every number of `[limits]` is one without this. */
  readonly bound?: true;
}

/** What a file with a secret is for. */
export interface SecretFile {
  /** The key of the section whose value the file has; absent where a file is the only way to give the secret. */
  readonly of?: string;
  /** The configuration reads the file when it is loaded, so its content is the value of `of`. Otherwise the part that uses it reads it. */
  readonly loaded?: true;
  /** When the relay reads it again, as the end of a sentence. */
  readonly reread: string;
}

/** Metadata of every field, by its schema. */
export const fields = z.registry<FieldMeta>();

interface About {
  readonly description: string;
  readonly flag?: string;
  readonly live?: true;
  readonly bound?: true;
}

/** Marks every key as live, except those of `restart`: a reload applies it. */
export function allLive<Shape extends z.ZodRawShape>(shape: Shape, restart: readonly (keyof Shape)[] = []): Shape {
  for (const [key, schema] of Object.entries(shape)) {
    const field = fields.get(schema as z.ZodType);
    if (field !== undefined && !restart.includes(key)) fields.add(schema as z.ZodType, { ...field, live: true });
  }
  return shape;
}

/** Characters of a value that an error message quotes. */
const QUOTED_MAX = 40;

/** A value as an error message shows it: its JSON, cut to a readable length. */
export function show(value: unknown, max = QUOTED_MAX): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > max ? `${text.slice(0, max - 3)}...` : text;
}

function expected(what: string): { error: (issue: { input?: unknown }) => string } {
  return { error: (issue) => `expected ${what}, got ${show(issue.input)}` };
}

/** What a value with a unit is read with, and shown with. */
interface Unit<Raw> {
  readonly read: (raw: Raw) => number;
  readonly format: (value: number) => string;
}

const DURATION: Unit<string> = { read: parseDuration, format: formatDuration };
const SIZE: Unit<string | number> = {
  read: (raw) => (typeof raw === "number" ? raw : parseBytes(raw)),
  format: formatBytes,
};

/**
 * A step of a schema that reads a value with a unit and bounds what was read. A {@link UnitError} becomes the issue. The bounds are no checks
 * of the schema: a schema describes what was written, and each check of zod takes 2 KB for as long as the relay runs.
 */
function reading<Raw>({ read, format }: Unit<Raw>, min: number, max: number) {
  return (raw: Raw, context: z.RefinementCtx): number => {
    try {
      const value = read(raw);
      if (value < min) context.addIssue(`must be at least ${format(min)}`);
      if (value > max) context.addIssue(`must be at most ${format(max)}`);
      return value;
    } catch (error) {
      if (!(error instanceof UnitError)) throw error;
      context.addIssue(`${error.message}; got ${show(raw)}`);
      return z.NEVER;
    }
  };
}

/** What a value is before it is optional or has a default. All fields share them, because a schema takes 1 to 5 KB. */
const filledText = z.string(expected("text in quotes")).min(1, { error: "must not be empty" });
const givenText = z
  .string(expected("text in quotes"))
  .min(1, { error: "must not be empty; leave the key out instead" });
const trueOrFalse = z.boolean(expected("true or false"));
const wholeNumber = z.int(expected("a whole number"));
const durationInput = z.string(expected('a duration such as "10s" or "500ms"'));
const sizeInput = z.union([z.int().min(0), z.string()], expected('a size such as "16MiB" or a number of bytes'));

function bounded(min: number, max: number): z.ZodInt {
  return wholeNumber.check(
    z.gte(min, { error: `must be at least ${min}` }),
    z.lte(max, { error: `must be at most ${max}` }),
  );
}

/** Free text that is not empty. */
export function text(about: About & { readonly default: string }) {
  return filledText
    .prefault(about.default)
    .register(fields, { ...about, kind: "text", expects: "text", default: show(about.default) });
}

/** Optional text. */
export function optionalText(about: About & { readonly fallback: string }) {
  return givenText.optional().register(fields, { ...about, kind: "text", expects: "text", default: "" });
}

/** {@link SecretFile.reread} of a file whose section is live, and of one whose section is not. */
export const AT_A_RELOAD = "at a reload";
export const AT_THE_START = "at the start only";
/** That of the key of a certificate: the pair is used when both files are in place. */
export const PAIR_REREAD = "within two seconds of its replacement";

/** Optional path of a file with a secret. `shown`: for a value that may be the secret itself. */
export function secretFile(
  about: About & SecretFile & { readonly fallback: string; readonly shown?: (value: string) => string },
) {
  const { of, loaded, reread, ...rest } = about;
  const secret = { reread, ...(of !== undefined && { of }), ...(loaded && { loaded }) };
  return givenText
    .optional()
    .register(fields, { ...rest, secretFile: secret, kind: "text", expects: "text", default: "" });
}

/** Optional text that may hold a password. No message quotes it; people see what `shown` returns. */
export function secretText(about: About & { readonly fallback: string; readonly shown: (value: string) => string }) {
  return z
    .string({ error: "expected text in quotes" })
    .min(1, { error: "must not be empty; leave the key out instead" })
    .optional()
    .register(fields, { ...about, kind: "text", expects: "text", default: "" });
}

/** Shown instead of a value that is a secret. */
export const REDACTED = "[redacted]";

/** A URL without its credentials: user, password and query. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, `$1${REDACTED}@`).replace(/\?.+/s, `?${REDACTED}`);
}

export function flagField(about: About & { readonly default: boolean }) {
  return trueOrFalse
    .prefault(about.default)
    .register(fields, { ...about, kind: "boolean", expects: "`true` or `false`", default: String(about.default) });
}

/** `true` or `false`, or neither. */
export function optionalFlag(about: About & { readonly fallback: string }) {
  return trueOrFalse
    .optional()
    .register(fields, { ...about, kind: "boolean", expects: "`true` or `false`", default: "" });
}

export function integer(about: About & { readonly default: number; readonly min: number; readonly max: number }) {
  const { min, max, ...rest } = about;
  return bounded(min, max)
    .prefault(about.default)
    .register(fields, { ...rest, kind: "integer", expects: `${min} to ${max}`, default: String(about.default) });
}

/** An optional whole number. */
export function optionalInteger(
  about: About & { readonly fallback: string; readonly min: number; readonly max: number },
) {
  const { min, max, ...rest } = about;
  return bounded(min, max)
    .optional()
    .register(fields, { ...rest, kind: "integer", expects: `${min} to ${max}`, default: "" });
}

export function choice<const C extends readonly string[]>(choices: C, about: About & { readonly default: C[number] }) {
  const listed = choices.map((one) => `"${one}"`).join(", ");
  return z
    .enum(choices, expected(`one of ${listed}`))
    .prefault(about.default)
    .register(fields, { ...about, kind: "choice", choices, expects: listed, default: show(about.default) });
}

/** A list of names from a closed set. */
export function choices<const C extends readonly string[]>(
  allowed: C,
  about: About & { readonly default: readonly C[number][] },
) {
  const listed = allowed.map((one) => `"${one}"`).join(", ");
  return z
    .array(z.enum(allowed, expected(`one of ${listed}`)), expected("a list"))
    .prefault([...about.default])
    .register(fields, {
      ...about,
      kind: "list",
      choices: allowed,
      expects: `list of ${listed}`,
      default: show(about.default, Number.POSITIVE_INFINITY),
    });
}

/** A list of texts, none of them empty. */
export function texts(about: About & { readonly default: readonly string[] }) {
  return z
    .array(filledText, expected("a list of texts"))
    .prefault([...about.default])
    .register(fields, { ...about, kind: "list", expects: "list of texts", default: show(about.default) });
}

/** A list of texts that may hold credentials. No message quotes one; people see what `shown` returns for each. */
export function secretTexts(
  about: About & { readonly default: readonly string[]; readonly shown: (value: string) => string },
) {
  return z
    .array(z.string({ error: "expected text in quotes" }).min(1, { error: "must not be empty" }), {
      error: "expected a list of texts",
    })
    .prefault([...about.default])
    .register(fields, { ...about, kind: "list", expects: "list of texts", default: show(about.default) });
}

/** A list of path prefixes. The empty prefix and `/` stand for everything. */
export function paths(about: About & { readonly default: readonly string[] }) {
  return z
    .array(z.string(expected("text in quotes")), expected("a list of path prefixes"))
    .prefault([...about.default])
    .register(fields, { ...about, kind: "list", expects: "list of path prefixes", default: show(about.default) });
}

/** A duration; milliseconds in the resolved configuration. */
export function duration(about: About & { readonly default: string; readonly min: string; readonly max: string }) {
  const { min, max, ...rest } = about;
  return durationInput
    .transform(reading(DURATION, parseDuration(min), parseDuration(max)))
    .prefault(about.default)
    .register(fields, { ...rest, kind: "duration", expects: `${min} to ${max}`, default: show(about.default) });
}

/** An optional duration. */
export function optionalDuration(
  about: About & { readonly fallback: string; readonly min: string; readonly max: string },
) {
  const { min, max, ...rest } = about;
  return durationInput
    .transform(reading(DURATION, parseDuration(min), parseDuration(max)))
    .optional()
    .register(fields, { ...rest, kind: "duration", expects: `${min} to ${max}`, default: "" });
}

export type Duration = ReturnType<typeof duration>;

/** A size; bytes in the resolved configuration. */
export function size(about: About & { readonly default: string; readonly min: string; readonly max: string }) {
  const { min, max, ...rest } = about;
  return sizeInput
    .transform(reading(SIZE, parseBytes(min), parseBytes(max)))
    .prefault(about.default)
    .register(fields, { ...rest, kind: "size", expects: `${min} to ${max}`, default: show(about.default) });
}

/** An optional size. */
export function optionalSize(about: About & { readonly fallback: string; readonly max: string }) {
  const { max, ...rest } = about;
  return sizeInput
    .transform(reading(SIZE, 0, parseBytes(max)))
    .optional()
    .register(fields, { ...rest, kind: "size", expects: `0B to ${max}`, default: "" });
}

/** A size or `"auto"`. */
export function autoSize(about: About & { readonly max: string }) {
  const { max, ...rest } = about;
  const sized = sizeInput.transform(reading(SIZE, 0, parseBytes(max)));
  return z
    .unknown()
    .transform((raw, context) => {
      if (raw === "auto") return "auto" as const;
      const parsed = sized.safeParse(raw);
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) context.addIssue(issue.message);
      return z.NEVER;
    })
    .prefault("auto")
    .register(fields, { ...rest, kind: "size", expects: `"auto", or 0B to ${max}`, default: '"auto"' });
}
