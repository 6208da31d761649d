/**
 * Why a relay refused this page. A browser gives no reason for a WebTransport or WebSocket session that did not open, so the page
 * asks the relay over HTTP; for one that was closed there are a code and a text.
 */

/** What `/access` answers; prefixes are relative to the session's path, `""` is everything. */
export type Verdict =
  | { readonly allowed: true; readonly publish: readonly string[]; readonly subscribe: readonly string[] }
  | { readonly allowed: false; readonly status: number; readonly code: string; readonly message: string };

/** A refusal in words. */
export interface Refusal {
  readonly text: string;
  /** Trying again changes nothing until somebody does something. */
  readonly final: boolean;
}

/** Milliseconds for the answer: the user already waits. */
const TIMEOUT_MS = 3_000;

/** HTTP statuses that stay: who we are, and what we may do. Others pass, such as 503 of a relay that is full. */
const FINAL_STATUS = [400, 401, 403, 404];

/** Close codes that stay (docs/protocols.md); without an HTTP status a refusal may close with the status itself. */
const FINAL_CLOSE = [6, 66, 67, ...FINAL_STATUS];

const ADVICE: Readonly<Record<string, string>> = {
  token_missing: "Add a token to the relay's address (under Relay): ?jwt=TOKEN. The relay's operator can give you one.",
  token_expired: "Get a new token from the relay's operator.",
  token_revoked: "Get a new token from the relay's operator.",
  path_unrelated: "The path of the relay's address must be the token's root, or lead to it.",
  path_not_granted: "Use the path that the token grants, or get another token.",
  not_configured: "Open this page on the relay's own machine, or fill the relay's [auth] section.",
};

/** Asks the relay what becomes of a session with this address. Nothing when it does not say. */
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
 * Why the relay does not take a session with this address, or not one that publishes `publishes`; nothing when it would, or does not
 * say.
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

/** A page that may connect, and not do what it wants. */
export function notGranted(url: URL, what: string): string {
  return `The relay at ${url.host} does not let this page ${what}: a token that grants it is needed.`;
}

/** What the end of a session means, by the code and the text that the relay gave. */
export function whyClosed({ closeCode = 0, reason = "" }: WebTransportCloseInfo): Refusal {
  const what = reason === "" ? "The relay ended the connection." : `The relay ended the connection: ${reason}.`;
  return { text: what, final: FINAL_CLOSE.includes(closeCode) };
}

/** Whether one of the prefixes covers the path, by whole segments. */
export function covers(prefixes: readonly string[], path: string): boolean {
  return prefixes.some((prefix) => prefix === "" || path === prefix || path.startsWith(`${prefix}/`));
}

function isVerdict(answer: unknown): answer is Verdict {
  if (typeof answer !== "object" || answer === null || !("allowed" in answer)) return false;
  if (answer.allowed === true) return "publish" in answer && "subscribe" in answer;
  return answer.allowed === false && "code" in answer && "message" in answer && "status" in answer;
}
