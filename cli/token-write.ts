import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AdminRight,
  ALGORITHMS,
  AuthError,
  type ClaimsInput,
  generateKey,
  type Key,
  KeyError,
  publicJwk,
  readClaims,
  scopesOfJson,
  scopesOfPaths,
  signCat,
  signToken,
} from "../auth/index.ts";
import { parseDuration, UnitError } from "../relay/config/index.ts";
import { CommandError, type Invocation, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { printJson, readKeys } from "./token-read.ts";

/** Permissions of a private key file: for its owner only. */
const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/** Makes a key. It prints the private part only for `--out -`. */
export async function tokenKeygen(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { values } = invocation;
  const out = values.get("out");
  if (out === undefined)
    throw new UsageError("--out FILE is missing: the file to write the key to (- for standard output)");
  const name = values.get("alg") ?? "ES256";
  const alg = ALGORITHMS.find((one) => one === name);
  if (alg === undefined) throw new UsageError(`--alg ${name} is unknown; use one of ${ALGORITHMS.join(", ")}`);
  const grants = { ...grantsOf(invocation), ...clusterOf(invocation), ...adminOf(invocation) };
  const kid = values.get("kid");
  const scope = Object.keys(grants).length === 0 ? {} : { scope: grants };
  const key = await usable(() => generateKey({ alg, ...(kid !== undefined && { kid }), ...scope }));
  const halves =
    values.get("public") === undefined && alg.startsWith("HS") ? undefined : await usable(async () => publicJwk(key));
  const privatePlace = write(out, key, key.jwk, PRIVATE_MODE);
  const shown = halves !== undefined && !(out === "-" && values.get("public") === undefined);
  const publicPlace = shown ? write(values.get("public") ?? "-", key, halves, PUBLIC_MODE) : undefined;
  if (invocation.switches.has("json")) {
    printJson(io, {
      kid: key.kid,
      alg,
      private: privatePlace ?? key.jwk,
      ...(shown && { public: publicPlace ?? halves }),
    });
    return EXIT.ok;
  }
  if (privatePlace === undefined) printJson(io, key.jwk);
  if (shown && publicPlace === undefined) printJson(io, halves);
  io.err.write(`Made key ${key.kid ?? ""} (${alg}).\n`);
  return EXIT.ok;
}

/** Prints a token. */
export async function tokenSign(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { values } = invocation;
  const key = readKeys(invocation, io).find((one) => one.signs);
  if (key === undefined) throw new CommandError("the file of --key has no key that can sign", EXIT.failed);
  const now = Math.floor(Date.now() / 1000);
  const [expires, notBefore] = [seconds(values, "expires"), seconds(values, "not-before")];
  const text = (claim: string, option: string) => {
    const value = values.get(option);
    return value === undefined ? {} : { [claim]: value };
  };
  const about = {
    iat: now,
    ...(expires !== undefined && { exp: now + expires }),
    ...(notBefore !== undefined && { nbf: now + notBefore }),
    jti: values.get("id") ?? randomUUID(),
    ...text("sub", "subject"),
    ...text("iss", "issuer"),
    ...text("aud", "audience"),
  };
  const token = await usable(() =>
    invocation.switches.has("cat")
      ? signCat(key, { ...catOf(invocation, io), about })
      : signToken(key, { ...jwtGrants(invocation), ...about }),
  );
  if (expires === undefined) io.err.write("This token never expires; --expires 2h would limit it to two hours.\n");
  if (invocation.switches.has("json")) printJson(io, { token, ...readClaims(token) });
  else io.out.write(`${token}\n`);
  return EXIT.ok;
}

/** Throws {@link UsageError} for an option of Common Access Tokens. */
function jwtGrants(invocation: Invocation): ClaimsInput {
  for (const name of ["moqt", "bind", "revalidate"]) {
    if (invocation.values.has(name)) throw new UsageError(`--${name} is for Common Access Tokens: add --cat`);
  }
  return { root: "", ...grantsOf(invocation), ...clusterOf(invocation), ...adminOf(invocation) };
}

/** The scopes and the key of a Common Access Token. */
function catOf(invocation: Invocation, io: Io): Omit<Parameters<typeof signCat>[1], "about"> {
  const { values, switches } = invocation;
  if (switches.has("cluster") || values.has("admin")) {
    throw new UsageError("a Common Access Token cannot grant --cluster or --admin: leave out --cat");
  }
  const moqt = values.get("moqt");
  const { root = "", put = [], get = [] } = grantsOf(invocation);
  const named = ["root", "put", "get"].some((name) => values.has(name));
  if (moqt !== undefined && named) throw new UsageError("--moqt has the scopes: leave out --root, --put and --get");
  if (moqt === undefined && put.length + get.length === 0) {
    throw new UsageError("--moqt, --put or --get is missing: the token would grant nothing");
  }
  const under = (path: string) => `${root}/${path}`;
  const scopes = moqt === undefined ? scopesOfPaths(put.map(under), get.map(under)) : readScopes(moqt);
  const bind = values.has("bind") ? readKeys(invocation, io, "bind")[0] : undefined;
  return { scopes, bind, revalidate: seconds(values, "revalidate") };
}

/** Throws {@link UsageError} for a text of `--moqt` that has no scopes. */
function readScopes(text: string): ReturnType<typeof scopesOfJson> {
  try {
    return scopesOfJson(text);
  } catch (error) {
    if (error instanceof AuthError) throw new UsageError(`--moqt: ${error.message}`);
    throw error;
  }
}

function grantsOf({ values }: Invocation): { root?: string; put?: string[]; get?: string[] } {
  const [root, put, get] = ["root", "put", "get"].map((name) => values.get(name));
  return {
    ...(root !== undefined && { root }),
    ...(put !== undefined && { put: put.split(",") }),
    ...(get !== undefined && { get: get.split(",") }),
  };
}

function clusterOf({ switches }: Invocation): { cluster?: true } {
  return switches.has("cluster") ? { cluster: true } : {};
}

function adminOf({ values }: Invocation): { admin?: AdminRight } {
  const admin = values.get("admin");
  if (admin === undefined) return {};
  if (admin !== "read" && admin !== "write") throw new UsageError(`--admin ${admin} is unknown; use read or write`);
  return { admin };
}

/** The seconds of an option that is a duration. */
function seconds(values: Invocation["values"], option: string): number | undefined {
  const text = values.get(option);
  if (text === undefined) return undefined;
  try {
    return Math.round(parseDuration(text) / 1000);
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--${option}: ${error.message}`);
    throw error;
  }
}

/** Runs `work` and turns the errors of keys and claims into a {@link CommandError}. */
export async function usable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KeyError || error instanceof AuthError) throw new CommandError(error.message, EXIT.failed);
    throw error;
  }
}

/** Writes to a new file, or to `KID.jwk` in a folder, and returns its path; undefined for `-`, which means standard output. */
function write(target: string, key: Key, jwk: Readonly<Record<string, unknown>>, mode: number): string | undefined {
  if (target === "-") return undefined;
  const text = `${JSON.stringify(jwk, null, 2)}\n`;
  const folder = target.endsWith("/");
  if (folder) mkdirSync(target, { recursive: true });
  const file = folder ? join(target, `${key.kid ?? "key"}.jwk`) : target;
  try {
    // Never overwrite a key: without it, the sessions of its tokens would end.
    writeFileSync(file, text, { mode, flag: "wx" });
    return file;
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const hint = why === "EEXIST" ? "it exists already" : why;
    throw new CommandError(`"${file}" cannot be written: ${hint}`, EXIT.failed);
  }
}
