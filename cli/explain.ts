/** Explains why a relay refused or could not be reached, and what to do. */

import { TransportError } from "../moq/link.ts";
import type { Reason } from "../moq/reason.ts";
import type { Verdict } from "../relay/client/index.ts";
import { formatDuration } from "../relay/config/index.ts";
import { CommandError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Target } from "./target.ts";

/** The client library, which only the commands that need it load. */
export type Library = typeof import("../relay/client/index.ts");

/** Advice for a refusal, by its code. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    "token_missing",
    "pass a token with --token FILE or MOQMESH_TOKEN; the relay's operator makes one with `moqmesh token sign`",
  ],
  ["token_expired", "get a new token"],
  ["token_revoked", "get a new token"],
  [
    "path_unrelated",
    "`moqmesh token inspect` shows the token's root: use that path, or one above or below it, in the URL",
  ],
  [
    "path_not_granted",
    "`moqmesh token inspect` shows the paths that the token grants: use one of them, or get another token",
  ],
  ["not_configured", "the relay's operator must configure [auth] before other machines can connect: docs/auth.md"],
]);

/** Reasons that mean a refusal; every other reason means a failure. */
const REFUSING: readonly Reason[] = ["unauthorized", "token_expired", "token_revoked", "limit", "no_capacity"];

/** The exit code for the reason with which a session or a request ended. */
export function exitFor(reason: Reason): ExitCode {
  if (reason === "not_found" || reason === "evicted" || reason === "expired") return EXIT.notFound;
  return REFUSING.includes(reason) || reason === "unsupported" ? EXIT.refused : EXIT.failed;
}

/** The error for a refused session, with advice. */
export function refusal(
  url: URL,
  { code, message }: { readonly code: string; readonly message: string },
): CommandError {
  const advice = ADVICE.get(code);
  const text = `${url.host} refused the session: ${message} (${code})`;
  return new CommandError(advice === undefined ? text : `${text}\n${advice}`, EXIT.refused, code);
}

/** Turns a failed dial into an error that says what to do. */
export async function explainDial(error: unknown, target: Target, library: Library): Promise<unknown> {
  if (!(error instanceof TransportError)) return error;
  const { url, timeoutMs } = target;
  switch (error.code) {
    case "dial_rejected": {
      const verdict = await verdictOf(target, library);
      if (verdict?.allowed === false) return refusal(url, verdict);
      return (await admin(target, library)) ?? error;
    }
    case "dial_timeout": {
      const late = `${url.host} did not answer within ${formatDuration(timeoutMs)}`;
      const hint = url.protocol.startsWith("ws")
        ? ""
        : "\nthis URL uses UDP, which a firewall may block; ws:// and wss:// use TCP";
      return (await admin(target, library)) ?? new CommandError(`${late}${hint}`, EXIT.connect, error.code);
    }
    case "dial_failed":
      return (await admin(target, library)) ?? advised(error, target, library);
    default:
      return error;
  }
}

/** The relay's decision on the session. Off loopback a relay answers over TLS alone, also a client whose URL is `http:`. */
export async function verdictOf({ url, trust, timeoutMs }: Target, library: Library): Promise<Verdict | undefined> {
  const verdict = await library.askAccess(url, trust);
  if (verdict !== undefined || url.protocol !== "http:") return verdict;
  try {
    const pinned = trust.kind === "system" ? await library.fetchTrust(url, timeoutMs) : trust;
    return await library.askAccess(new URL(url.href.replace(/^http:/, "https:")), pinned);
  } catch {
    return undefined;
  }
}

async function admin({ url }: Target, library: Library): Promise<CommandError | undefined> {
  if (!(await library.isAdminListener(url))) return undefined;
  return new CommandError(library.adminListener(url.host), EXIT.connect, "admin_listener");
}

/** Adds advice for a certificate that is not trusted: most are self-signed ones on a developer's machine. */
function advised(error: TransportError, { url, trust }: Target, library: Library): TransportError {
  const fault = library.explainCertificateError(error.message);
  if (fault === undefined) return error;
  const text = `cannot connect to ${url.host}: ${fault}`;
  if (trust.kind !== "system") return new TransportError(error.code, text, { cause: error });
  const advice =
    "to trust that certificate, use --fingerprint HEX (the relay prints it when it starts); for a relay on your own machine, use http:// or ws://";
  return new TransportError(error.code, `${text}\n${advice}`, { cause: error });
}
