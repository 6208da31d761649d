/** Asks a relay over HTTP, for a client whose session was refused or lists nothing. */
import * as z from "zod";
import type { Trust } from "../../moq/link.ts";
import { askHttp } from "./http.ts";

/** Milliseconds for an answer. It only explains a failure, so the user should not wait long for it. */
const TIMEOUT_MS = 3_000;
/** Longest answer, in bytes. */
const MAX_BYTES = 64 * 1024;

const VERDICT = z.union([
  z.object({ allowed: z.literal(true), publish: z.array(z.string()), subscribe: z.array(z.string()) }),
  z.object({ allowed: z.literal(false), status: z.number(), code: z.string(), message: z.string() }),
]);

/** The relay's decision on a session: what it may do, or why it is refused. */
export type Verdict = z.output<typeof VERDICT>;

const ALIVE = z.object({ status: z.literal("alive") });

/** Asks the relay for its decision on a session with this URL. Undefined without an answer; never rejects. */
export async function askAccess(url: URL, trust: Trust): Promise<Verdict | undefined> {
  const at = new URL(httpUrl(url));
  at.pathname = `/access${url.pathname}`;
  at.search = url.search;
  const parsed = VERDICT.safeParse(await getJson(at, trust));
  return parsed.success ? parsed.data : undefined;
}

/** True when the admin listener of a relay answers there, which accepts no sessions. Never rejects. */
export async function isAdminListener(url: URL): Promise<boolean> {
  const at = new URL("/health/live", httpUrl(url));
  // An admin listener does not use TLS.
  at.protocol = "http:";
  return ALIVE.safeParse(await getJson(at, { kind: "system" })).success;
}

/** The HTTP URL of the port, which is the same for every scheme. */
function httpUrl(url: URL): string {
  const scheme = url.protocol === "http:" || url.protocol === "ws:" ? "http:" : "https:";
  return `${scheme}//${url.host}/`;
}

async function getJson(at: URL, trust: Trust): Promise<unknown> {
  try {
    const { body } = await askHttp(at, { trust, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
