/** The relay that a command asks: its URL, how its certificate is trusted, how long to wait for it. */
import { readFileSync } from "node:fs";
import type { Trust } from "../moq/link.ts";
import { parseDuration, UnitError } from "../relay/config/index.ts";
import { type Invocation, type OptionSpec, type PositionalSpec, UsageError } from "./command.ts";
import type { Io } from "./io.ts";

/**
 * Default of `--timeout`: the longest wait for a connection and for each answer. It is longer than a relay's `limits.subscribe_wait`, so
 * that the relay's refusal arrives first.
 */
const TIMEOUT_DEFAULT = "15s";

/** File descriptor of standard input. */
const STDIN = 0;

const SCHEMES = ["https:", "http:", "moqt:", "moql:", "wss:", "ws:"];
const SHA256_HEX = /^[0-9a-f]{64}$/;

export const URL_ARGUMENT: PositionalSpec = {
  name: "URL",
  required: true,
  description:
    "The relay: https:// or http:// for WebTransport, moqt:// or moql:// for QUIC alone (the native engine), wss:// or ws:// for WebSocket. With http:// the client first reads the fingerprint of the relay's certificate from /certificate.sha256.",
};

/** How the certificate of a relay is trusted. */
export const CERTIFICATE_OPTIONS: readonly OptionSpec[] = [
  { name: "ca", value: "FILE", description: "Trust the authorities of this PEM file instead of the system's." },
  {
    name: "fingerprint",
    value: "HEX",
    description: "Trust only the certificate with this SHA-256. May be given several times.",
  },
];

/** Options of every command that dials a relay, but for the longest wait. */
export const TRUST_OPTIONS: readonly OptionSpec[] = [
  {
    name: "token",
    value: "FILE",
    description:
      "Read the token from FILE; - for standard input. The variable MOQMESH_TOKEN may contain the token itself. Either way the token stays out of the URL and of the shell's history.",
  },
  { name: "protocol", value: "LIST", description: "Offer only these protocols, such as moqt-18,moq-lite-05." },
  ...CERTIFICATE_OPTIONS,
  { name: "insecure", description: "Trust any certificate. For tests only." },
];

export const DIAL_OPTIONS: readonly OptionSpec[] = [timeoutOption(TIMEOUT_DEFAULT), ...TRUST_OPTIONS];

export function timeoutOption(standard: string): OptionSpec {
  return { name: "timeout", value: "TIME", description: `Longest wait for each answer (default ${standard}).` };
}

/** The relay that the command line names. */
export interface Target {
  readonly url: URL;
  readonly trust: Trust;
  readonly timeoutMs: number;
  readonly protocols: readonly string[] | undefined;
}

export interface TargetSource {
  /** Default: the first positional. */
  readonly address?: string;
  /** An option whose file has the token, before `--token`. */
  readonly tokenOption?: string;
  /** Default of `--timeout`. */
  readonly timeout?: string;
}

/** Reads URL, options and the variable `MOQMESH_TOKEN`. Throws {@link UsageError}. */
export function targetOf(invocation: Invocation, { env }: Pick<Io, "env">, source: TargetSource = {}): Target {
  const { positionals, values } = invocation;
  const { address = positionals[0] ?? "", tokenOption = "token", timeout = TIMEOUT_DEFAULT } = source;
  const option = values.has(tokenOption) ? tokenOption : "token";
  return {
    url: withToken(readUrl(address), { option, file: values.get(option) }, env["MOQMESH_TOKEN"]),
    trust: readTrust(invocation),
    timeoutMs: readDuration(invocation, "timeout", timeout),
    protocols: values
      .get("protocol")
      ?.split(",")
      .map((name) => name.trim()),
  };
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !SCHEMES.includes(url.protocol)) {
    throw new UsageError(`"${text}" is not the URL of a relay, such as https://relay.example:4443/`);
  }
  return url;
}

/** Puts the token into the URL's query, where every binding and every relay accepts it. A token in the URL overrides the variable. */
function withToken(
  url: URL,
  { option, file }: { readonly option: string; readonly file: string | undefined },
  variable: string | undefined,
): URL {
  const inUrl = url.searchParams.has("jwt");
  if (file !== undefined && inUrl) throw new UsageError(`the URL and --${option} both have a token; use one of them`);
  const token = file === undefined ? variable?.trim() : readTokenFile(file, option);
  if (token === undefined || token === "" || inUrl) return url;
  const shown = new URL(url);
  shown.searchParams.set("jwt", token);
  return shown;
}

/** The token in a file, or on standard input for `-`. Throws {@link UsageError} that names `option`. */
export function readTokenFile(file: string, option: string): string {
  const token = readFile(file === "-" ? STDIN : file, `--${option}`).trim();
  if (token === "") throw new UsageError(`--${option}: "${file}" is empty`);
  return token;
}

/** Milliseconds of the option `name`, or of `standard`. Throws {@link UsageError}. */
export function readDuration({ values }: Invocation, name: string, standard: string): number {
  try {
    return parseDuration(values.get(name) ?? standard);
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--${name}: ${error.message}`);
    throw error;
  }
}

/** How the options say that the certificate is trusted. Throws {@link UsageError}. */
export function readTrust({ values, lists, switches }: Invocation): Trust {
  const ca = values.get("ca");
  const fingerprint = lists.get("fingerprint");
  const insecure = switches.has("insecure");
  if ([ca !== undefined, fingerprint !== undefined, insecure].filter(Boolean).length > 1) {
    throw new UsageError("use only one of --ca, --fingerprint and --insecure");
  }
  if (ca !== undefined) return { kind: "roots", pem: readFile(ca, "--ca") };
  if (fingerprint !== undefined) return { kind: "hashes", sha256: fingerprint.map(readFingerprint) };
  return insecure ? { kind: "insecure" } : { kind: "system" };
}

/** The content of a file that `option` names. Throws {@link UsageError} that names `option`. */
export function readFile(file: string | number, option: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UsageError(`${option}: "${file}" cannot be read (${why})`);
  }
}

/** Hex with or without colons, as `openssl` and `/certificate.sha256` write it. */
function readFingerprint(text: string): Uint8Array {
  const hex = text.replaceAll(":", "").toLowerCase();
  if (!SHA256_HEX.test(hex)) throw new UsageError("--fingerprint: expected 64 hexadecimal digits (SHA-256)");
  return new Uint8Array(Buffer.from(hex, "hex"));
}
