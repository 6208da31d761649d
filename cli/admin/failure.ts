/** Says why a request to the admin API failed, and what to do. */

import { printable } from "../../moq/printable.ts";
import { CommandError } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { ApiOperation } from "./api.ts";
import type { AdminTarget } from "./target.ts";

/** The relay's answer to a request that it refuses. */
export interface ApiProblem {
  readonly status: number;
  /** Stable. */
  readonly code: string;
  readonly message: string;
  /** Seconds. */
  readonly retryAfter: string | undefined;
}

/** A request failed. */
export class AdminFailure extends CommandError {
  /** The code of the API; undefined when it did not answer. */
  readonly problem: string | undefined;
  /** The same request may succeed later: `--watch` goes on. */
  readonly passing: boolean;

  constructor(lines: readonly string[], exit: ExitCode, how: { problem?: string; passing?: boolean } = {}) {
    super(lines.join("\n"), exit);
    this.problem = how.problem;
    this.passing = how.passing ?? false;
  }

  /** The same failure with more advice. */
  with(advice: string): AdminFailure {
    const { problem, passing } = this;
    return new AdminFailure([this.message, advice], this.code, { passing, ...(problem !== undefined && { problem }) });
  }
}

/** No answer, or none that TLS trusts. */
export function unreachable({ base }: AdminTarget, cause: string, error: unknown): AdminFailure {
  const text = `${base.origin} cannot be reached: ${printable(cause)}`;
  const advice = adviceFor(base, cause, error);
  return new AdminFailure([text, ...(advice === undefined ? [] : [advice])], EXIT.connect, { passing: true });
}

function adviceFor({ protocol }: URL, cause: string, error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED") {
    return "is the relay running? [http] admin_host and admin_port set the address of its admin listener, by default http://127.0.0.1:4444/";
  }
  if (cause.startsWith("its certificate is")) {
    return "--ca FILE trusts the authorities of a file; --fingerprint HEX trusts one certificate";
  }
  if (cause.includes("there is no TLS")) return "without [http] admin_tls the admin listener is at http://";
  const cut = ["ECONNRESET", "EPIPE", "HPE_INVALID_CONSTANT"].includes(code) || code.startsWith("ERR_SSL");
  if (!cut) return undefined;
  return protocol === "http:"
    ? "with [http] admin_tls the admin listener is at https://"
    : "the listener may need a client certificate: --cert FILE --key FILE";
}

/** Something answers there that is not the admin API. */
export function notTheApi({ base }: AdminTarget, status: number, body: string): AdminFailure {
  const [line = ""] = body.split("\n", 1);
  // The listener of another machine's relay says so in one line of text.
  const says = status === 403 && line.length <= 200 ? `: ${printable(line)}` : "";
  return new AdminFailure(
    [
      `${base.origin} is not the admin listener of a relay (status ${status}${says})`,
      "[http] admin_host and admin_port set its address, by default http://127.0.0.1:4444/; the public port is a different one",
    ],
    EXIT.failed,
  );
}

/** The API refused the request, or failed. */
export function refused(target: AdminTarget, operation: ApiOperation, problem: ApiProblem): AdminFailure {
  const { status, code } = problem;
  const message = `${printable(problem.message)} (${printable(code)})`;
  const failure = (exit: ExitCode, lines: readonly string[], passing = false) =>
    new AdminFailure(lines, exit, { problem: code, passing });
  switch (status) {
    case 400:
    case 422:
      return failure(EXIT.usage, [message]);
    case 401:
      return failure(EXIT.refused, [`${target.base.host} does not accept this: ${message}`, aboutCredential(target)]);
    case 403:
      return failure(EXIT.refused, [
        `${target.base.host} refused this: ${message}`,
        ...aboutRight(target, operation, code),
      ]);
    case 404:
      return code === "no_such_path"
        ? failure(EXIT.failed, [
            `this relay has no ${operation.method} ${operation.path}: it is older than this program`,
          ])
        : failure(EXIT.notFound, [message]);
    case 429:
      return failure(EXIT.refused, [message], true);
    default:
      return failure(EXIT.failed, [message], status >= 500);
  }
}

function aboutCredential({ credential, missing }: AdminTarget): string {
  if (credential?.found)
    return `${credential.from} was shown: --config FILE finds that of another relay of this machine`;
  if (credential !== undefined) return `${credential.from} was shown`;
  const how = "pass a token with --token-file FILE or MOQMESH_ADMIN_TOKEN, or a certificate with --cert and --key";
  return missing === undefined ? how : `${missing}: ${how}`;
}

function aboutRight({ credential, missing }: AdminTarget, { right, id }: ApiOperation, code: string): string[] {
  if (code !== "right_missing") return [];
  const who =
    credential === undefined ? "without a credential one may read only" : `${credential.from} does not grant it`;
  const why = missing === undefined ? "" : `; ${missing}`;
  return [
    `${id} needs the right "${right}": ${who}${why}`,
    "`moqmesh token sign --admin write` makes a token that may act",
  ];
}
