/** Questions to a relay's HTTP side, for a client whose session did not come about or shows nothing. */
import { once } from "node:events";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { z } from "zod";
import type { Trust } from "../../moq/link.ts";
import { certificateOf, isTrusted, tlsOptions } from "../../transport/tls/index.ts";

/** Milliseconds for an answer: it explains a failure, so the user should not wait long for it. */
const TIMEOUT_MS = 3_000;
const HTTPS_PORT = 443;
/** Bytes of an answer that are read. */
const MAX_BYTES = 64 * 1024;

const VERDICT = z.union([
  z.object({ allowed: z.literal(true), publish: z.array(z.string()), subscribe: z.array(z.string()) }),
  z.object({ allowed: z.literal(false), status: z.number(), code: z.string(), message: z.string() }),
]);

/** What the relay says of a session: what it may do, or why it is refused. */
export type Verdict = z.output<typeof VERDICT>;

const ALIVE = z.object({ status: z.literal("alive") });

/** Asks the relay what becomes of a session with this URL. Nothing when it does not say; never rejects. */
export async function askAccess(url: URL, trust: Trust): Promise<Verdict | undefined> {
  const at = new URL(httpUrl(url));
  at.pathname = `/access${url.pathname}`;
  at.search = url.search;
  const parsed = VERDICT.safeParse(await getJson(at, trust));
  return parsed.success ? parsed.data : undefined;
}

/** Whether the admin listener of a relay answers there, which takes no sessions. Never rejects. */
export async function isAdminListener(url: URL): Promise<boolean> {
  const at = new URL("/health/live", httpUrl(url));
  // It has no TLS.
  at.protocol = "http:";
  return ALIVE.safeParse(await getJson(at, { kind: "system" })).success;
}

/** The TCP side of the port, which every scheme shares. */
function httpUrl(url: URL): string {
  const scheme = url.protocol === "http:" || url.protocol === "ws:" ? "http:" : "https:";
  return `${scheme}//${url.host}/`;
}

async function getJson(at: URL, trust: Trust): Promise<unknown> {
  try {
    return JSON.parse(await get(at, trust));
  } catch {
    return undefined;
  }
}

async function get(at: URL, trust: Trust): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  // Not a byte is sent before the certificate is trusted: the query may hold a token.
  const socket = at.protocol === "http:" ? undefined : await securely(at, trust, signal);
  // An agent would make a connection of its own.
  const options = socket === undefined ? { signal, agent: false } : { signal, createConnection: () => socket };
  return await new Promise((resolve, reject) => {
    const request = socket === undefined ? requestHttp(at, options) : requestHttps(at, options);
    request.once("error", reject);
    request.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
        if (body.length > MAX_BYTES) request.destroy(new Error("the answer is too long"));
      });
      response.once("end", () => resolve(body));
      response.once("error", reject);
    });
    request.end();
  });
}

async function securely(at: URL, trust: Trust, signal: AbortSignal): Promise<TLSSocket> {
  const host = at.hostname.replace(/^\[|\]$/g, "");
  const socket = connectTls({ host, port: Number(at.port) || HTTPS_PORT, ...tlsOptions(host, trust) });
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  await once(socket, "secureConnect", { signal });
  if (isTrusted(certificateOf(socket), trust)) return socket;
  socket.destroy();
  throw new Error("the certificate is none of those expected");
}
