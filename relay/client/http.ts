/** Small requests to the HTTP listeners of a relay. */
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { request as requestHttps } from "node:https";
import type { TLSSocket } from "node:tls";
import type { KeyPairPem, Trust } from "../../moq/link.ts";
import { http, tls } from "../../transport/shared/index.ts";
import { dialTlsOptions, matchesPins, peerCertificateOf } from "../../transport/tls/index.ts";

const HTTPS_PORT = 443;

/** One request. */
export interface HttpQuestion {
  /** How the certificate of an `https:` listener is trusted. */
  readonly trust: Trust;
  /** GET unless it is given. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Shown to an `https:` listener that asks for a certificate. */
  readonly certificate?: KeyPairPem;
  /** Milliseconds for the whole answer. */
  readonly timeoutMs: number;
  /** Longest answer, in bytes. */
  readonly maxBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Sends a request and resolves with the answer, whatever its status. Rejects with the system's error, or with a `TimeoutError`. Nothing is
 * sent before the certificate is trusted, because the request may contain a token.
 */
export async function askHttp(at: URL, question: HttpQuestion): Promise<HttpAnswer> {
  const { method = "GET", headers = {}, body } = question;
  const signal = AbortSignal.timeout(question.timeoutMs);
  const socket = at.protocol === "http:" ? undefined : await securely(at, question, signal);
  // With an agent, the request would use another connection.
  const connection = socket === undefined ? { agent: false as const } : { createConnection: () => socket };
  const options = { ...connection, signal, method, headers: { ...headers, Connection: "close" } };
  return await new Promise((resolve, reject) => {
    const request = socket === undefined ? http.request(at, options) : requestHttps(at, options);
    const failed = (error: Error) => reject(signal.aborted ? lateError(signal) : error);
    request.once("error", failed);
    request.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        if (text.length > question.maxBytes) request.destroy(new Error("the answer is too long"));
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.once("error", failed);
    });
    request.end(body);
  });
}

async function securely(at: URL, { trust, certificate }: HttpQuestion, signal: AbortSignal): Promise<TLSSocket> {
  const host = at.hostname.replace(/^\[|\]$/g, "");
  const shown = certificate && { cert: certificate.cert, key: certificate.key };
  const socket = tls.connect({ host, port: Number(at.port) || HTTPS_PORT, ...dialTlsOptions(host, trust), ...shown });
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  try {
    await once(socket, "secureConnect", { signal });
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? lateError(signal) : error;
  }
  if (matchesPins(peerCertificateOf(socket), trust)) return socket;
  socket.destroy();
  throw new Error("the certificate has none of the expected fingerprints");
}

function lateError({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error("no answer in time");
}
