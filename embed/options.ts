import * as z from "zod";
import type { Trust } from "../moq/link.ts";
import { PROTOCOLS } from "../relay/client/index.ts";
import { nearest } from "../relay/config/index.ts";
import {
  type ConnectOptions,
  type FetchOptions,
  MoqmeshError,
  type StartOptions,
  type SubscribeOptions,
  type TrackOptions,
} from "./contract.ts";

/** Default of `timeoutMs`: longer than a relay's `limits.subscribe_wait`, so that the relay's refusal arrives first. */
export const TIMEOUT_MS = 15_000;

/** Longest time that can be waited for, in milliseconds: the longest delay of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

const SCHEMES: readonly string[] = ["https:", "http:", "moqt:", "moql:", "wss:", "ws:"];
const SHA256_HEX = /^[0-9a-f]{64}$/;
const HIGHEST_PRIORITY = 255;

const signal = z.instanceof(AbortSignal, { error: "must be an AbortSignal" }).optional();
const time = z.number({ error: "must be a number of milliseconds" }).positive().max(LONGEST_MS).optional();
const call = z.custom<(line: never) => void>((value) => typeof value === "function", { error: "must be a function" });
const priority = z.int().min(0).max(HIGHEST_PRIORITY).optional();

const START = z.strictObject({
  config: z.record(z.string(), z.unknown(), { error: "must be an object of sections" }).optional(),
  file: z.string({ error: "must be the path of a file" }).optional(),
  env: z.record(z.string(), z.string().optional()).optional(),
  log: call.optional(),
  signal,
} satisfies Record<keyof StartOptions, z.ZodType>);

const CONNECT = z.strictObject({
  token: z.string().min(1).optional(),
  ca: z.string().includes("-----BEGIN CERTIFICATE-----", { error: "must be PEM, not the path of a file" }).optional(),
  fingerprint: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  insecure: z.boolean().optional(),
  protocols: z
    .array(z.enum(PROTOCOLS, { error: `must be of ${PROTOCOLS.join(", ")}` }))
    .min(1)
    .optional(),
  timeoutMs: time,
  signal,
} satisfies Record<keyof ConnectOptions, z.ZodType>);

const SUBSCRIBE = z.strictObject({
  priority,
  ordered: z.boolean().optional(),
  maxLatencyMs: z.number().min(0).max(LONGEST_MS).optional(),
  bufferBytes: z.int().min(1).optional(),
  signal,
} satisfies Record<keyof SubscribeOptions, z.ZodType>);

const FETCH = z.strictObject({
  group: z.int().min(0).optional(),
  timeoutMs: time,
  signal,
} satisfies Record<keyof FetchOptions, z.ZodType>);

const TRACK = z.strictObject({
  priority,
  timescale: z.int().min(1).optional(),
  maxLatencyMs: z.int().min(0).max(LONGEST_MS).optional(),
} satisfies Record<keyof TrackOptions, z.ZodType>);

/** Each throws `bad_option` with every option that is wrong. */
export const checkStart = checker("start", START);
export const checkConnect = checker("connect", CONNECT);
export const checkSubscribe = checker("subscribe", SUBSCRIBE);
export const checkFetch = checker("fetch", FETCH);
export const checkTrack = checker("track", TRACK);

function checker(call: string, schema: z.ZodObject): (options: object) => void {
  const known = Object.keys(schema.shape);
  return (options) => {
    const parsed = schema.safeParse(options);
    if (parsed.success) return;
    const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, known));
    throw new MoqmeshError("bad_option", faults.map((fault) => `${call}: ${fault}`).join("\n"));
  };
}

function faultsOf(issue: z.core.$ZodIssue, known: readonly string[]): string[] {
  if (issue.code !== "unrecognized_keys") return [`${issue.path.join(".") || "options"}: ${issue.message}`];
  return issue.keys.map((key) => {
    const meant = nearest(key, known);
    return `${key}: unknown option${meant === undefined ? "" : `; did you mean "${meant}"?`}`;
  });
}

/** The URL of a relay, with the token in its query, where every binding and every relay accepts it. Throws `bad_option`. */
export function relayUrl(given: string | URL, token: string | undefined): URL {
  const url = URL.canParse(String(given)) ? new URL(given) : undefined;
  if (url === undefined || !SCHEMES.includes(url.protocol)) {
    throw new MoqmeshError("bad_option", "connect: the URL is not one of a relay, such as https://relay.example:4443/");
  }
  if (token === undefined) return url;
  if (url.searchParams.has("jwt"))
    throw new MoqmeshError("bad_option", "connect: the URL and `token` both have a token");
  url.searchParams.set("jwt", token);
  return url;
}

/** How the certificate of the relay is trusted. Throws `bad_option`. */
export function trustOf({ ca, fingerprint, insecure }: ConnectOptions): Trust {
  if ([ca !== undefined, fingerprint !== undefined, insecure === true].filter(Boolean).length > 1) {
    throw new MoqmeshError("bad_option", "connect: use only one of `ca`, `fingerprint` and `insecure`");
  }
  if (ca !== undefined) return { kind: "roots", pem: ca };
  if (fingerprint !== undefined) return { kind: "hashes", sha256: [fingerprint].flat().map(bytesOf) };
  return insecure === true ? { kind: "insecure" } : { kind: "system" };
}

/** Hexadecimal with or without colons, as `openssl` and `/certificate.sha256` write it. */
function bytesOf(text: string): Uint8Array {
  const hex = text.replaceAll(":", "").toLowerCase();
  if (SHA256_HEX.test(hex)) return new Uint8Array(Buffer.from(hex, "hex"));
  throw new MoqmeshError("bad_option", "connect: fingerprint: expected 64 hexadecimal digits (SHA-256)");
}
