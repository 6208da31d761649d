/** Where the secrets of a configuration are: in files of their own, or in a place that more people can read. */
import { isDeepStrictEqual } from "node:util";
import { type Config, type LoadedConfig, type Origin, type Problem, sections } from "./config.ts";
import { configValues, describeConfig } from "./describe.ts";
import { envName, fieldOf } from "./layers.ts";
import { secretFileKeys } from "./secrets.ts";
import { PEM_PAIR, pemText } from "./tls.ts";

/** A file with a secret, and the dotted path of the key that names it. */
export interface SecretPath {
  readonly key: string;
  readonly path: string;
}

/** The files with secrets that a configuration names. */
export function secretPaths(config: Config): SecretPath[] {
  const values = configValues(config);
  const named = secretFileKeys(sections).flatMap(({ section, key: name }) => {
    const key = `${section}.${name}`;
    const path = values.get(key);
    return typeof path === "string" && pemText(path) === undefined ? [{ key, path }] : [];
  });
  const further = config.tls.certificates.flatMap((one) => {
    const path = PEM_PAIR.exec(one)?.groups?.["key"];
    return path === undefined ? [] : [{ key: "tls.certificates", path }];
  });
  return [...named, ...further];
}

/** Keys whose values were read from files of their own. */
export function keysWithContent(config: Config): Set<string> {
  const values = configValues(config);
  return new Set(
    secretFileKeys(sections).flatMap(({ section, key, secret: { of, loaded } }) =>
      loaded && of !== undefined && values.get(`${section}.${key}`) !== undefined ? [`${section}.${of}`] : [],
    ),
  );
}

/** Warnings about secrets that the configuration file has itself, or that a flag shows to every user of the machine. */
export function inlineSecrets(loaded: LoadedConfig): Problem[] {
  const values = configValues(loaded.config);
  const separate = keysWithContent(loaded.config);
  return describeConfig(loaded).flatMap(({ key, value, secret, origin }) => {
    const holdsNone = !secret || isDeepStrictEqual(value, values.get(key)) || separate.has(key);
    const where = placeOf(origin);
    if (holdsNone || where === undefined) return [];
    const [section = "", name = ""] = key.split(".");
    const place = fieldOf(sections.get(section), name)?.secretFile === undefined ? `${name}_file` : name;
    const message = `secret_inline: ${where}; put it into a file and name that with \`${place}\`, or set ${envName(section, name)}`;
    return [{ code: "secret_inline" as const, key, message, origin }];
  });
}

function placeOf({ kind }: Origin): string | undefined {
  if (kind === "file") return "the configuration file holds this secret";
  return kind === "flag" ? "every user of this machine can see this secret among the flags of the process" : undefined;
}
