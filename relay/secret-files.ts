import { stat } from "node:fs/promises";
import { careless, SECRET_READABLE } from "../auth/index.ts";
import { selfSignedFile } from "../transport/tls/index.ts";
import {
  type Config,
  inlineSecrets,
  type LoadedConfig,
  type Origin,
  ownSecretFile,
  type Problem,
  type SecretPath,
  secretPaths,
} from "./config/index.ts";
import { resetKeyFile } from "./host/index.ts";
import type { Logger } from "./log/index.ts";

/** Whoever loads this key says by itself whether others can read it: only then is it known whether the file has a secret at all. */
const SAID_ELSEWHERE = "auth.key_file";

/**
 * Warnings about the files with secrets of a relay that other users of the machine can read: those that the configuration names, those
 * in the state folder, and the configuration file where it has secrets itself. A file that does not exist, or cannot be reached, has none.
 */
export async function readableSecrets(loaded: LoadedConfig): Promise<Problem[]> {
  const { config, origins } = loaded;
  const files = [...secretPaths(config), ...ownFiles(config), ...configurationFile(loaded)];
  const seen = new Set<string>();
  const warnings = files.map(async ({ key, path }): Promise<Problem[]> => {
    if (key === SAID_ELSEWHERE || seen.has(path)) return [];
    seen.add(path);
    const permissions = await stat(path).catch(() => undefined);
    const message = permissions && careless(`the file ${path}`, permissions, true);
    const origin: Origin = origins.get(key) ?? { kind: "default" };
    return message === undefined ? [] : [{ code: SECRET_READABLE, key, message, origin }];
  });
  return (await Promise.all(warnings)).flat();
}

/** Logs {@link readableSecrets}: at the start, and at each reload. */
export async function warnOfReadableSecrets(loaded: LoadedConfig, log: Logger): Promise<void> {
  for (const { code, key, message } of await readableSecrets(loaded)) log.warn({ code, key }, message);
}

/** What the relay keeps in its state folder. Any of them may be absent. */
function ownFiles({ tls: { stateDir } }: Config): SecretPath[] {
  const paths = [selfSignedFile(stateDir), ownSecretFile(stateDir), resetKeyFile(stateDir)];
  return paths.map((path) => ({ key: "tls.state_dir", path }));
}

function configurationFile(loaded: LoadedConfig): SecretPath[] {
  const found = inlineSecrets(loaded).find(({ origin }) => origin.kind === "file");
  return found?.origin.kind === "file" ? [{ key: found.key, path: found.origin.file }] : [];
}
