/** Folders and small files that the configuration names. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { readRegularFile } from "../../auth/index.ts";
import type { Config, ProblemCode } from "../config/index.ts";
import { nativeSettings } from "../host/index.ts";
import { MIN_WEBHOOK_SECRET } from "../webhooks/index.ts";
import type { FindingList } from "./findings.ts";

/** Longest file with a secret, in bytes. */
const MAX_SECRET_BYTES = 4_096;

export async function inspectFiles(found: FindingList, config: Config): Promise<void> {
  await Promise.all([
    adminSecrets(found, config.http),
    webhookSecret(found, config.webhooks),
    resetKey(found, config),
    folders(found, config),
    program(found, "health.on_change", config.health.onChange),
    program(found, "drain.on_drained", config.drain.onDrained),
  ]);
}

/** The program of a hook. */
async function program(found: FindingList, key: string, [path]: readonly string[]): Promise<void> {
  if (path === undefined) return;
  const fault = await access(path, constants.X_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  if (fault === undefined) return;
  const missing = fault.code === "ENOENT";
  const what = missing ? `${path} does not exist` : `the relay's user may not run ${path}`;
  found.problem(missing ? "file_missing" : "file_unreadable", key, what, "the hook would fail each time");
}

async function adminSecrets(found: FindingList, { adminTokenFile, adminReadTokenFile }: Config["http"]): Promise<void> {
  const files = [
    ["admin_token_file", adminTokenFile],
    ["admin_read_token_file", adminReadTokenFile],
  ] as const;
  for (const [name, file] of files) {
    if (file === undefined) continue;
    const key = `http.${name}`;
    const { readSecret } = await import("../admin/index.ts");
    await found.load(() => readSecret(file, name), "secret_invalid", [[key, file]]);
  }
}

async function webhookSecret(found: FindingList, { secretFile: file }: Config["webhooks"]): Promise<void> {
  if (file === undefined) return;
  const key = "webhooks.secret_file";
  const read = await found.load(() => readRegularFile(file, MAX_SECRET_BYTES), "webhook_secret_invalid", [[key, file]]);
  if (read === undefined) return;
  if (read.text.trim().length < MIN_WEBHOOK_SECRET) {
    const message = `the secret in ${file} has fewer than ${MIN_WEBHOOK_SECRET} characters`;
    found.problem("webhook_secret_invalid", key, message);
  }
}

async function resetKey(found: FindingList, config: Config): Promise<void> {
  const { server, quic } = config;
  if (quic.resetKeyFile === undefined) return;
  // With port 0, no key is made.
  const asked = { ...config, server: { ...server, port: 0 }, quic: { ...quic, qlogDir: undefined } };
  const keys = [["quic.reset_key_file", quic.resetKeyFile]] as const;
  await found.load(() => nativeSettings(asked, () => {}), "reset_key_invalid", keys);
}

async function folders(found: FindingList, { tls, quic, http, auth }: Config): Promise<void> {
  await Promise.all([
    // Without a certificate of its own the relay keeps one here; without this folder it does not start.
    folder(found, "tls.state_dir", tls.stateDir, tls.cert === undefined),
    quic.qlogDir === undefined ? undefined : folder(found, "quic.qlog_dir", quic.qlogDir, true),
    http.snapshotDir === undefined ? undefined : folder(found, "http.snapshot_dir", http.snapshotDir, false),
    auth.revocations === undefined
      ? undefined
      : folder(found, "auth.revocations", dirname(resolve(auth.revocations)), false),
  ]);
}

/** A folder that the relay writes to, and makes where it does not exist. */
async function folder(found: FindingList, key: string, path: string, needed: boolean): Promise<void> {
  const code: ProblemCode = "folder_unusable";
  const hint = "name another folder, or give this one to the relay's user";
  const fault = await folderFault(path);
  if (fault === undefined) return;
  if (fault.hopeless || needed) found.problem(code, key, fault.message, hint);
  else found.warn(code, key, fault.message, hint);
}

/** Why the relay cannot write to a folder. `hopeless`: something else is in its place. Nothing is made or changed. */
export async function folderFault(path: string): Promise<{ message: string; hopeless: boolean } | undefined> {
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && !there.isDirectory()) return { message: `${path} is not a folder`, hopeless: true };
  const nearest = there === undefined ? await nearestFolder(path) : path;
  if (nearest === undefined) return { message: `${path} cannot be made: a part of its path is a file`, hopeless: true };
  try {
    await access(nearest, constants.W_OK | constants.X_OK);
    return undefined;
  } catch {
    const what = there === undefined ? `${path} cannot be made` : `the relay's user cannot write to ${path}`;
    return { message: there === undefined ? `${what}: this user cannot write to ${nearest}` : what, hopeless: false };
  }
}

/** The first folder above that exists; undefined where a file is in the way. */
async function nearestFolder(path: string): Promise<string | undefined> {
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    const there = await stat(at).catch(() => undefined);
    if (there !== undefined) return there.isDirectory() ? at : undefined;
    if (at === dirname(at)) return undefined;
  }
}
