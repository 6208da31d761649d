import type { IncomingMessage, ServerResponse } from "node:http";
import { tls } from "../../transport/shared/index.ts";
import { type AccessQuestion, answerAccess, asksAccess, type Verdict } from "./access.ts";
import { DIRECT_CLIENTS } from "./clients.ts";
import type { Page } from "./page.ts";
import { HttpPort, type PortOptions, TLS_ONLY_HEADERS, TLS_ONLY_TEXT } from "./port.ts";
import { guarded, readPath, send, sendText } from "./respond.ts";

export interface PublicHttpOptions extends PortOptions {
  /** Fingerprint of a self-signed certificate in lower-case hex; undefined when an authority vouches for it. Called per request. */
  readonly fingerprint: () => string | undefined;
  /** The decision on a session, for `/access`. Never rejects. */
  readonly access?: (question: AccessQuestion) => Promise<Verdict>;
  /** Health, where the port answers `/health/ready` and `/health/live`. */
  readonly health?: () => { readonly ready: boolean; readonly live: boolean };
  /** The demo page, if the relay serves it. */
  readonly page?: Page;
  /** Called when a defect kept a request from being answered; its client got a 500. */
  readonly failed: (error: unknown) => void;
}

/**
 * Opens the relay's public HTTP port (http and https alike): the fingerprint at `/certificate.sha256`, the decision on a
 * session at `/access`, and the demo page. The caller handles WebSocket upgrades by the `upgrade` event of its two servers.
 */
export function listenPublic(options: PublicHttpOptions): Promise<HttpPort> {
  return HttpPort.listen(
    options,
    guarded((request, response) => answer(options, request, response), options.failed),
  );
}

function answer(options: PublicHttpOptions, request: IncomingMessage, response: ServerResponse): void | Promise<void> {
  const path = readPath(request, response);
  if (path === undefined) return;
  if (path === "/certificate.sha256") {
    const fingerprint = options.fingerprint();
    const allow = { "Access-Control-Allow-Origin": "*" };
    if (fingerprint === undefined) sendText(request, response, 404, "the certificate is not self-signed", allow);
    else sendText(request, response, 200, fingerprint, allow);
    return;
  }
  if (options.health !== undefined && (path === "/health/ready" || path === "/health/live")) {
    const { ready, live } = options.health();
    const good = path === "/health/ready" ? ready : live;
    send(request, response, good ? 200 : 503, { "Cache-Control": "no-store" }, "");
    return;
  }
  // What follows may carry a token, or a page that asks for one.
  if (!options.plaintext && !(request.socket instanceof tls.TLSSocket)) {
    sendText(request, response, 426, TLS_ONLY_TEXT, TLS_ONLY_HEADERS);
    return;
  }
  if (options.access !== undefined && asksAccess(path)) {
    return answerAccess(options.access, (options.clients ?? DIRECT_CLIENTS).of(request), request, response);
  }
  if (options.page?.serve(request, response, path)) return;
  sendText(request, response, 404, "not found");
}
