/**
 * Explains why a relay refused this page. A browser gives no reason for a WebTransport or WebSocket session that did not open, so the page
 * asks the relay over HTTP. A session that was closed has a code and a text.
 */

/** The answer of `/access`. Prefixes are relative to the session's path; `""` is everything. */
export type Verdict =
  | { readonly allowed: true; readonly publish: readonly string[]; readonly subscribe: readonly string[] }
  | { readonly allowed: false; readonly status: number; readonly code: string; readonly message: string };

/** A refusal and its text. */
export interface Refusal {
  readonly text: string;
  /** True when a retry is useless until the user changes something. */
  readonly final: boolean;
}

/** Milliseconds for the answer; short, because the user is waiting. */
const TIMEOUT_MS = 3_000;

/** Permanent HTTP statuses: authentication and permission. Others are temporary, such as 503 of a full relay. */
const FINAL_STATUS = [400, 401, 403, 404];

/** Permanent close codes (docs/protocols.md). Without HTTP, a refusal may close with the HTTP status as its code. */
const FINAL_CLOSE = [6, 66, 67, ...FINAL_STATUS];

const ADVICE: Readonly<Record<string, string>> = {
  token_missing: "Add a token to the relay's address (under Relay): ?jwt=TOKEN. The relay's operator can give you one.",
  token_expired: "Get a new token from the relay's operator.",
  token_revoked: "Get a new token from the relay's operator.",
  path_unrelated: "The path of the relay's address must be the token's root, or a path above or below it.",
  path_not_granted: "Use a path that the token grants, or get another token.",
  not_configured: "Open this page on the relay's own machine, or configure the relay's [auth] section.",
};

/** Asks the relay for its decision on a session with this URL. Undefined without an answer. */
export async function askAccess(url: URL): Promise<Verdict | undefined> {
  const at = new URL(url);
  at.pathname = `/access${url.pathname}`;
  try {
    const response = await fetch(at, { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" });
    const answer: unknown = await response.json();
    return isVerdict(answer) ? answer : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Why the relay refuses a session with this URL, or one that publishes `publishes`; undefined when it accepts it or does not answer.
 */
export async function whyRefused(url: URL, publishes?: string): Promise<Refusal | undefined> {
  const verdict = await askAccess(url);
  if (verdict === undefined) return undefined;
  if (verdict.allowed) {
    if (publishes === undefined || covers(verdict.publish, publishes)) return undefined;
    return { text: notGranted(url, `publish ${publishes}`), final: true };
  }
  const { code, message, status } = verdict;
  const advice = ADVICE[code];
  const text = `The relay at ${url.host} refused this page: ${message} (${code}).${advice === undefined ? "" : ` ${advice}`}`;
  return { text, final: FINAL_STATUS.includes(status) };
}

/** The message for a page that may connect but may not do what it wants. */
export function notGranted(url: URL, what: string): string {
  return `The relay at ${url.host} does not let this page ${what}. Use a token that grants it.`;
}

/** The meaning of the end of a session, by the relay's close code and text. */
export function whyClosed({ closeCode = 0, reason = "" }: WebTransportCloseInfo): Refusal {
  const what = reason === "" ? "The relay ended the connection." : `The relay ended the connection: ${reason}.`;
  return { text: what, final: FINAL_CLOSE.includes(closeCode) };
}

/** True when one of the prefixes covers the path, by whole segments. */
export function covers(prefixes: readonly string[], path: string): boolean {
  return prefixes.some((prefix) => prefix === "" || path === prefix || path.startsWith(`${prefix}/`));
}

function isVerdict(answer: unknown): answer is Verdict {
  if (typeof answer !== "object" || answer === null || !("allowed" in answer)) return false;
  if (answer.allowed === true) return "publish" in answer && "subscribe" in answer;
  return answer.allowed === false && "code" in answer && "message" in answer && "status" in answer;
}
