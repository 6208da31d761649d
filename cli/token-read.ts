import { readFileSync } from "node:fs";
import * as z from "zod";
import {
  AuthError,
  type Key,
  KeyError,
  KeyRing,
  parseKeys,
  readClaims,
  readHeader,
  verifyToken,
} from "../auth/index.ts";
import { CommandError, type Invocation, UsageError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

/** File descriptor of standard input. */
const STDIN = 0;

/** The default rules of a relay. */
const SKEW_MS = 5_000;

/** Reads a file, or standard input for `-`. Throws {@link CommandError}. */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file === "-" ? STDIN : file, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CommandError(`the ${what} in "${file}" cannot be read (${why})`, EXIT.failed);
  }
}

/** Reads the keys of the file that an option names, `--key` unless another one is given. Throws {@link CommandError} or {@link UsageError}. */
export function readKeys(invocation: Invocation, io: Io, option = "key"): Key[] {
  const file = invocation.values.get(option);
  if (file === undefined) throw new UsageError(`--${option} FILE is missing`);
  try {
    return parseKeys(readText(file, "key"), ({ name, why }) => {
      io.err.write(`moqmesh: the key ${name} in "${file}" is not used: ${why}\n`);
    });
  } catch (error) {
    if (error instanceof KeyError) throw new CommandError(`the key in "${file}": ${error.message}`, EXIT.failed);
    throw error;
  }
}

/** Verifies a token as the relay does, and prints its claims. */
export async function tokenVerify(invocation: Invocation, io: Io): Promise<ExitCode> {
  // Check this before anything is read: standard input can be read only once.
  checkInputs(invocation);
  const ring = new KeyRing({ removed: () => {} });
  ring.put({ place: "file", name: "--key" }, readKeys(invocation, io));
  const token = readToken(invocation);
  try {
    const key = ring.find(readHeader(token).kid);
    if (key === undefined) throw new AuthError("key_unknown", "the token's `kid` names another key");
    const { granted, about, terms } = await verifyToken(
      token,
      key,
      { issuers: [], audiences: [], skewMs: SKEW_MS, maxLifeMs: 0 },
      Date.now(),
    );
    const { root, put, get, cluster, admin } = granted;
    // The scopes of a Common Access Token say more than paths.
    if (terms !== undefined) printJson(io, readClaims(token)?.claims);
    else printJson(io, { root, put, get, cluster, ...(admin !== undefined && { admin }), ...about });
    if (!invocation.switches.has("json")) tellTimes(io, about);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof AuthError) throw new CommandError(`${error.code}: ${error.message}`, EXIT.refused);
    throw error;
  }
}

/** Prints the header and claims of a token without verifying it; never the token itself. */
export async function tokenInspect(invocation: Invocation, io: Io): Promise<ExitCode> {
  const { header, claims } = readClaims(readToken(invocation)) ?? {};
  if (header === undefined)
    throw new CommandError("the input is neither a JSON Web Token nor a Common Access Token", EXIT.failed);
  io.err.write("Not verified: anyone could have made this token.\n");
  printJson(io, { header, claims });
  if (!invocation.switches.has("json")) tellTimes(io, claims);
  return EXIT.ok;
}

/** Throws {@link UsageError} when standard input is to give the key and the token. */
export function checkInputs({ values }: Invocation): void {
  if ((values.get("in") ?? "-") !== "-" || values.get("key") !== "-") return;
  throw new UsageError("standard input can give the key or the token, not both: use --in FILE or --key FILE");
}

/** The token of `--in`, or of standard input. */
export function readToken(invocation: Invocation): string {
  return readText(invocation.values.get("in") ?? "-", "token").trim();
}

export function printJson(io: Io, value: unknown): void {
  io.out.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Claims that are times, with a label for each. */
const TIMES = { iat: "Issued", nbf: "Valid from", exp: "Expires" } as const;

/** Prints the times of `claims` as dates on standard error; standard output stays JSON. */
function tellTimes(io: Io, claims: unknown): void {
  const named = z.record(z.string(), z.unknown()).safeParse(claims);
  for (const [claim, says] of Object.entries(TIMES)) {
    const seconds = named.data?.[claim];
    const date = new Date(typeof seconds === "number" ? seconds * 1000 : Number.NaN);
    if (Number.isNaN(date.getTime())) continue;
    const over = claim === "exp" && date.getTime() <= Date.now() ? " (has expired)" : "";
    io.err.write(
      `${says} ${date
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, " UTC")}${over}\n`,
    );
  }
}
