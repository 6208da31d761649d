/** Why a relay took no session, and what to do about it. */

import { TransportError } from "../../moq/link.ts";
import type { Reason } from "../../moq/reason.ts";
import type {
  adminListener,
  certificateFault,
  connect,
  isAdminListener,
  SessionEndedError,
  Verdict,
} from "../client/index.ts";
import { formatDuration } from "../config/index.ts";
import { CommandError } from "./command.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Target } from "./target.ts";

/** The client, which is loaded only by commands that need it. */
export interface Library {
  readonly connect: typeof connect;
  readonly isAdminListener: typeof isAdminListener;
  readonly adminListener: typeof adminListener;
  readonly certificateFault: typeof certificateFault;
  readonly askAccess: (url: URL, trust: Target["trust"]) => Promise<Verdict | undefined>;
  readonly SessionEndedError: typeof SessionEndedError;
}

/** What to do about a refusal, by its code. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    "token_missing",
    "give one with --token FILE or MOQMESH_TOKEN; the relay's operator makes it with `moqmesh token sign`",
  ],
  ["token_expired", "get a new token"],
  ["token_revoked", "get a new token"],
  ["path_unrelated", "`moqmesh token inspect` shows the token's root: the path of the URL must be on the way to it"],
  ["path_not_granted", "`moqmesh token inspect` shows what the token grants: use that path, or get another token"],
  ["not_configured", "this relay serves its own machine only until its [auth] section is filled: docs/auth.md"],
]);

/** Reasons with which a relay refuses, as against those with which something fails. */
const REFUSING: readonly Reason[] = ["unauthorized", "token_expired", "token_revoked", "limit"];

/** Gives a reason of a session or a request its exit code. */
export function exitFor(reason: Reason): ExitCode {
  if (reason === "not_found" || reason === "evicted" || reason === "expired") return EXIT.notFound;
  return REFUSING.includes(reason) || reason === "unsupported" ? EXIT.refused : EXIT.failed;
}

/** What a verdict says against a session, with advice. */
export function refusal(
  url: URL,
  { code, message }: { readonly code: string; readonly message: string },
): CommandError {
  const advice = ADVICE.get(code);
  const text = `${url.host} refused the session: ${message} (${code})`;
  return new CommandError(advice === undefined ? text : `${text}\n${advice}`, EXIT.refused);
}

/** Turns the failure of a dial into one that says what to do. */
export async function explainDial(error: unknown, target: Target, library: Library): Promise<unknown> {
  if (!(error instanceof TransportError)) return error;
  const { url, trust, timeoutMs } = target;
  switch (error.code) {
    case "dial_rejected": {
      const verdict = await library.askAccess(url, trust);
      if (verdict?.allowed === false) return refusal(url, verdict);
      return (await admin(target, library)) ?? error;
    }
    case "dial_timeout": {
      const late = `${url.host} did not answer within ${formatDuration(timeoutMs)}`;
      const hint = url.protocol.startsWith("ws") ? "" : "\nit is reached over UDP; ws:// and wss:// go over TCP";
      return (await admin(target, library)) ?? new CommandError(`${late}${hint}`, EXIT.connect);
    }
    case "dial_failed":
      return (await admin(target, library)) ?? advised(error, target, library);
    default:
      return error;
  }
}

async function admin({ url }: Target, library: Library): Promise<CommandError | undefined> {
  if (!(await library.isAdminListener(url))) return undefined;
  return new CommandError(library.adminListener(url.host), EXIT.connect);
}

/** Most certificates that are not trusted are self-signed ones on a developer's machine. */
function advised(error: TransportError, { url, trust }: Target, library: Library): TransportError {
  const fault = library.certificateFault(error.message);
  if (trust.kind !== "system" || fault === undefined) return error;
  const advice =
    "if you know that certificate, use --fingerprint HEX (the relay prints it when it starts); on your own machine, use http:// or ws://";
  return new TransportError(error.code, `cannot connect to ${url.host}: ${fault}\n${advice}`, { cause: error });
}
