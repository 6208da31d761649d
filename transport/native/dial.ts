import { type Attach, type DialOptions, type Link, TransportError, type Trust } from "../../moq/link.ts";
import { isRawQuic } from "../shared/index.ts";
import type { DialSettings } from "./addon.ts";
import { codeOf, limitSettings } from "./listener.ts";

/** A dial that the engine has not answered yet. */
export interface Dialling {
  readonly attach: Attach;
  readonly resolve: (link: Link) => void;
  readonly reject: (error: TransportError) => void;
}

/** Longest timeout in milliseconds that the engine supports. */
const MAX_TIMEOUT_MS = 2 ** 31;

/** The engine's settings for a dial. Throws {@link TransportError} `unsupported_url` or `dial_failed`. */
export function settingsOf(options: DialOptions, token: number): DialSettings {
  const { url, address, protocols, unanswered, headers, trust, limits, timeoutMs, certificate } = options;
  if (url.protocol !== "https:" && !isRawQuic(url)) {
    throw new TransportError(
      "unsupported_url",
      `the native engine dials https:, moqt: and moql: URLs, not ${url.protocol}`,
    );
  }
  const named = [...(headers ?? [])];
  return {
    token,
    // The engine knows one scheme for QUIC without HTTP.
    url: isRawQuic(url) ? url.href.replace(url.protocol, "moql:") : url.href,
    ...(address !== undefined && { address }),
    protocols,
    ...(unanswered !== undefined && { unanswered }),
    headerNames: named.map(([name]) => name.toLowerCase()),
    headerValues: named.map(([, value]) => value),
    ...trusting(trust),
    ...(certificate !== undefined && { certificate: { name: "", ...certificate } }),
    limits: limitSettings(limits),
    timeoutMs: Math.min(MAX_TIMEOUT_MS, Math.max(1, Math.round(timeoutMs))),
  };
}

function trusting(trust: Trust): Pick<DialSettings, "trust" | "roots" | "hashes"> {
  switch (trust.kind) {
    case "system":
    case "insecure":
      return { trust: trust.kind };
    case "roots":
      return { trust: "roots", roots: trust.pem };
    case "hashes":
      if (trust.sha256.length === 0) throw new TransportError("dial_failed", "no certificate hash to trust");
      return { trust: "hashes", hashes: trust.sha256 };
  }
}

/** The engine's JSON of a failed dial as an error. */
export function failureOf(text: string): TransportError {
  const failure = JSON.parse(text) as { code: string; message: string; status?: number };
  const code = codeOf(failure.code) ?? "dial_failed";
  return new TransportError(code, failure.message, failure.status === undefined ? {} : { status: failure.status });
}
