/** What `ls` and `fetch` have in common: which relay, how it is trusted, how long to wait. */
import { readFileSync } from "node:fs";
import type { Client } from "../client.ts";
import { parseDuration, UnitError } from "../config/units.ts";
import { TransportError, type Trust } from "../transport/contract.ts";
import { type Invocation, type OptionSpec, type PositionalSpec, UsageError } from "./command.ts";

/**
 * Wait for a connection, or for an answer on it, unless `--timeout` says otherwise. Longer than a relay's own
 * `limits.subscribe_wait`, so that its refusal comes first.
 */
const TIMEOUT_DEFAULT = "15s";

const SCHEMES = ["https:", "http:", "moql:", "wss:", "ws:"];
const SHA256_HEX = /^[0-9a-f]{64}$/;

export const URL_ARGUMENT: PositionalSpec = {
  name: "URL",
  required: true,
  description:
    "The relay: https:// or http:// for WebTransport, moql:// for QUIC alone (the native engine), wss:// or ws:// for WebSocket. With http:// the fingerprint of the relay's certificate is first read from /certificate.sha256.",
};

export const DIAL_OPTIONS: readonly OptionSpec[] = [
  { name: "timeout", value: "TIME", description: `Longest wait for each answer (default ${TIMEOUT_DEFAULT}).` },
  { name: "protocol", value: "LIST", description: "Offer only these protocols, such as moq-lite-05,moq-lite-04." },
  { name: "ca", value: "FILE", description: "Trust the authorities of this PEM file instead of the system's." },
  { name: "fingerprint", value: "HEX", description: "Trust the certificate with this SHA-256 and no other." },
  { name: "insecure", description: "Trust any certificate. For tests only." },
];

/** A relay as the command line names it. */
export interface Target {
  readonly url: URL;
  readonly trust: Trust;
  readonly timeoutMs: number;
  readonly protocols: readonly string[] | undefined;
}

/** Reads URL and options. Throws {@link UsageError}. */
export function targetOf(invocation: Invocation): Target {
  const [address = ""] = invocation.positionals;
  return {
    url: readUrl(address),
    trust: readTrust(invocation),
    timeoutMs: readTimeout(invocation.values.get("timeout") ?? TIMEOUT_DEFAULT),
    protocols: invocation.values
      .get("protocol")
      ?.split(",")
      .map((name) => name.trim()),
  };
}

/** Runs `use` with a connection that hears of the broadcasts under `prefix`, and closes it whatever happens. */
export async function withClient<T>(target: Target, prefix: string, use: (client: Client) => Promise<T>): Promise<T> {
  const { url, trust, timeoutMs, protocols } = target;
  const { connect } = await import("../client.ts");
  const client = await connect(url, {
    trust,
    timeoutMs,
    announcePrefix: prefix,
    ...(protocols === undefined ? {} : { protocols }),
  }).catch((error: unknown) => advise(error, target));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Most failures of `https:` on a developer's machine are self-signed certificates. */
function advise(error: unknown, { url, trust }: Target): never {
  const doubtful = url.protocol === "https:" && trust.kind === "system";
  if (!doubtful || !(error instanceof TransportError) || error.code !== "dial_failed") throw error;
  const advice = "if its certificate is self-signed, use http:// or --fingerprint";
  throw new TransportError(error.code, `${error.message}\n${advice}`, { cause: error });
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !SCHEMES.includes(url.protocol)) {
    throw new UsageError(`"${text}" is not the URL of a relay, such as https://relay.example:4443/`);
  }
  return url;
}

function readTimeout(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`--timeout: ${error.message}`);
    throw error;
  }
}

function readTrust({ values, switches }: Invocation): Trust {
  const ca = values.get("ca");
  const fingerprint = values.get("fingerprint");
  const insecure = switches.has("insecure");
  if ([ca !== undefined, fingerprint !== undefined, insecure].filter(Boolean).length > 1) {
    throw new UsageError("--ca, --fingerprint and --insecure exclude one another");
  }
  if (ca !== undefined) return { kind: "roots", pem: readPem(ca) };
  if (fingerprint !== undefined) return { kind: "hashes", sha256: [readFingerprint(fingerprint)] };
  return insecure ? { kind: "insecure" } : { kind: "system" };
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UsageError(`--ca: "${file}" cannot be read (${why})`);
  }
}

/** Hex with or without colons, as `openssl` and `/certificate.sha256` write it. */
function readFingerprint(text: string): Uint8Array {
  const hex = text.replaceAll(":", "").toLowerCase();
  if (!SHA256_HEX.test(hex)) throw new UsageError("--fingerprint: expected 64 hexadecimal digits (SHA-256)");
  return new Uint8Array(Buffer.from(hex, "hex"));
}
