import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/** Bytes of a request target that are looked at; the rest of what a parser lets through is refused. */
const MAX_TARGET = 2048;

/** Headers of every answer: no guessing of types, and no address (whose query may hold a token) sent elsewhere. */
const SAFE_HEADERS = { "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" } as const;

/**
 * A request listener that no failure of `answer` gets out of: the client gets a 500, or a cut connection where an answer had
 * begun, and `failed` gets the error.
 */
export function guarded(
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
  failed: (error: unknown) => void,
): RequestListener {
  return (request, response) => {
    const fail = (error: unknown) => {
      failed(error);
      if (response.headersSent) response.destroy();
      else sendText(request, response, 500, "internal error");
    };
    try {
      const answering = answer(request, response);
      if (answering instanceof Promise) answering.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}

export type Headers = Readonly<Record<string, string | number>>;

/** Sends a whole body; to a HEAD request only its headers. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Headers,
  body: Uint8Array | string,
): void {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const length = status === 304 ? {} : { "Content-Length": bytes.length };
  response.writeHead(status, { ...SAFE_HEADERS, ...length, ...headers });
  response.end(request.method === "HEAD" || status === 304 ? undefined : bytes);
}

export function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: Headers = {},
): void {
  send(
    request,
    response,
    status,
    { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...headers },
    `${text}\n`,
  );
}

export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Headers = {},
): void {
  send(
    request,
    response,
    status,
    { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers },
    `${JSON.stringify(value)}\n`,
  );
}

/**
 * The decoded path of a GET or HEAD request. Everything else is answered here (405, 414, 400) and gives nothing.
 * A path with a NUL, a backslash or a `..` segment, however encoded, is answered with 400.
 */
export function readPath(request: IncomingMessage, response: ServerResponse): string | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") {
    sendText(request, response, 405, "method not allowed", { Allow: "GET, HEAD" });
    return undefined;
  }
  const target = request.url ?? "";
  if (target.length > MAX_TARGET) {
    sendText(request, response, 414, "the address is too long");
    return undefined;
  }
  const path = decodePath(target.split(/[?#]/, 1)[0] ?? "");
  if (path === undefined) sendText(request, response, 400, "bad path");
  return path;
}

/** Bytes of a body that is taken. */
const MAX_BODY = 4096;

/**
 * The JSON body of a request; anything else is answered here and gives nothing. A page in a browser cannot send one: what
 * has an Origin is refused, and a type other than JSON as well, so that no form reaches a listener on loopback.
 */
export async function readJson(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const { origin, "content-type": type = "" } = request.headers;
  if (origin !== undefined) return void sendText(request, response, 403, "not for browsers");
  if (!/^application\/json\b/i.test(type)) return void sendText(request, response, 415, "send application/json");
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      if (!(chunk instanceof Uint8Array)) continue;
      bytes += chunk.length;
      if (bytes > MAX_BODY) return void sendText(request, response, 413, "too long", { Connection: "close" });
      chunks.push(chunk);
    }
  } catch {
    // The client has left in the middle of it, or it came too late.
    return void response.destroy();
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return value ?? void sendText(request, response, 400, "no JSON object");
  } catch {
    return void sendText(request, response, 400, "not JSON");
  }
}

function decodePath(raw: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(raw);
  } catch {
    return undefined;
  }
  const unsafe = !path.startsWith("/") || /[\0\\]/.test(path) || path.split("/").includes("..");
  return unsafe ? undefined : path;
}
