/** Secrets in files of their own: `KEY_file` names a file that has the value of `KEY`. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import type { SecretFile } from "./fields.ts";
import { fieldOf, type Layer, type Sections, unreadable } from "./layers.ts";
import { formatOrigin, type Origin, type Problem } from "./problem.ts";
import type { Rule } from "./section.ts";
import type { Origins, RawConfig } from "./validate.ts";

/** Longest file of a secret that is read with the configuration, in bytes: a list of URLs. */
const MAX_BYTES = 64 * 1024;

/** One key whose value is the path of a file with a secret. */
export interface SecretFileKey {
  readonly section: string;
  readonly key: string;
  readonly secret: SecretFile;
}

/** Every such key, in the order of the reference page. */
export function secretFileKeys(sections: Sections): SecretFileKey[] {
  return [...sections].flatMap(([name, section]) =>
    Object.keys(section.schema.shape).flatMap((key) => {
      const secret = fieldOf(section, key)?.secretFile;
      return secret === undefined ? [] : [{ section: name, key, secret }];
    }),
  );
}

/** Secrets that are given by themselves and by a file as well. */
export function givenTwice(origins: Origins, sections: Sections): Problem[] {
  return secretFileKeys(sections).flatMap(({ section, key, secret: { of } }) => {
    const [file, value] = [origins.get(`${section}.${key}`), origins.get(`${section}.${of}`)];
    if (file === undefined || value === undefined) return [];
    const message = `\`${of}\` is given twice: ${formatOrigin(value)} sets \`${of}\`, ${formatOrigin(file)} sets \`${key}\`; remove one of them`;
    return [{ code: "conflict" as const, key: `${section}.${key}`, message, origin: file }];
  });
}

/** Paths of the files whose contents are values of the configuration. */
export function contentFiles(raw: RawConfig, sections: Sections): string[] {
  return loaded(raw, sections).map(({ path }) => path);
}

/** The contents of these files as values of their keys. Files that cannot be used are given to `report`. */
export function contentLayer(
  raw: RawConfig,
  origins: Origins,
  sections: Sections,
  { read, report }: { readonly read: (path: string) => string; readonly report: (problem: Problem) => void },
): Layer {
  const values: Record<string, Record<string, unknown>> = {};
  const from = new Map<string, Origin>();
  for (const { section, key, of, path } of loaded(raw, sections)) {
    const origin = origins.get(`${section}.${key}`) ?? { kind: "default" };
    const fail = (message: string) => report({ code: "unreadable", key: `${section}.${key}`, message, origin });
    try {
      const text = withoutLastNewline(read(path));
      const list = fieldOf(sections.get(section), of)?.kind === "list";
      values[section] = { ...values[section], [of]: list ? lines(text) : text };
      from.set(`${section}.${of}`, { kind: "file", file: path });
    } catch (error) {
      fail(`the file ${path}: ${unreadable(error)}`);
    }
  }
  return { values, originOf: ([section, key]) => from.get(`${section}.${key}`) ?? { kind: "default" } };
}

/** Reads a regular file of at most {@link MAX_BYTES}. Throws an error that contains nothing of it. */
export function readSecretFile(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > MAX_BYTES) throw new Error(`longer than ${MAX_BYTES} bytes`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** A path in place of a key: JSON begins with a brace, PEM with dashes, and base64url has neither dots nor slashes. */
const PATH = /^[^{\s-]\S*[./]\S*$/;

/** A rule: `key` is a key by itself, not the path of a file. */
export function isKeyItself<K extends string>(key: K): Rule<{ readonly [key in K]?: string | undefined }> {
  return {
    keys: [key],
    broken: ({ [key]: value }) =>
      value !== undefined && PATH.test(value.trim())
        ? `\`${key}\` is the key itself; name a file with \`${key}_file\``
        : undefined,
  };
}

/** Editors and `echo` end a file with a newline, which is no part of the secret. */
function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, "");
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function loaded(raw: RawConfig, sections: Sections) {
  return secretFileKeys(sections).flatMap(({ section, key, secret }) => {
    const path = raw[section]?.[key];
    const { of } = secret;
    return secret.loaded && of !== undefined && typeof path === "string" ? [{ section, key, of, path }] : [];
  });
}
