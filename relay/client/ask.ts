/** Asks a relay over HTTP, for a client whose session was refused or lists nothing. */
import { once } from "node:events";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { z } from "zod";
import type { Trust } from "../../moq/link.ts";
import { certificateOf, isTrusted, tlsOptions } from "../../transport/tls/index.ts";

/** Milliseconds for an answer. It only explains a failure, so the user should not wait long for it. */
const TIMEOUT_MS = 3_000;
const HTTPS_PORT = 443;
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
    return JSON.parse(await get(at, trust));
  } catch {
    return undefined;
  }
}

async function get(at: URL, trust: Trust): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  // Send nothing before the certificate is trusted: the query may contain a token.
  const socket = at.protocol === "http:" ? undefined : await securely(at, trust, signal);
  // With an agent, the request would use another connection.
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
  throw new Error("the certificate has none of the expected fingerprints");
}
