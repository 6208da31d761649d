import { TransportError } from "../../moq/link.ts";

/** What the HTTP status of a refused dial means between relays. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [400, "refused the path of its URL (400)"],
  [401, "refused this relay's token (401)"],
  [
    403,
    "refused this relay: no `cluster` claim, another relay's name, no certificate, or a listener or an address that is not for relays; `session refused` in its log has the code (403)",
  ],
  [404, "is no root, or of no mesh (404)"],
  [429, "refused this relay: too many attempts (429)"],
  [503, "is full or going away (503)"],
]);

/** Why another relay cannot be reached, in a few words that follow its name; without a stack. */
export function whyUnreachable(error: unknown): string {
  if (!(error instanceof Error)) return `cannot be reached: ${String(error)}`;
  const { status } = error instanceof TransportError ? error : { status: undefined };
  if (status !== undefined) return REFUSED.get(status) ?? `refused this relay (${status})`;
  if (error instanceof TransportError && error.code === "dial_timeout") return "does not answer";
  return `cannot be reached: ${error.message}`;
}
