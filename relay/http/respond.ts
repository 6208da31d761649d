import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/** Longest request target, in bytes; a longer one is refused. */
const MAX_TARGET = 2048;

/** Headers of every response: browsers may not guess its type, nor send its URL (whose query may contain a token) to others. */
export const SAFE_HEADERS = { "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" } as const;

/**
 * A request listener that catches every error of `answer`: the client gets a 500, or a cut connection if a response has begun, and
 * `failed` gets the error.
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

/** Sends a whole response; for a HEAD request only the headers. */
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
 * The decoded path of a GET or HEAD request. Everything else is answered here (405, 414, 400), and the result is undefined.
 * A path with a NUL, a backslash or a `..` segment, however encoded, is answered with 400.
 */
export function readPath(request: IncomingMessage, response: ServerResponse): string | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") {
    sendText(request, response, 405, "method not allowed", { Allow: "GET, HEAD" });
    return undefined;
  }
  const target = request.url ?? "";
  if (target.length > MAX_TARGET) {
    sendText(request, response, 414, "the URL is too long");
    return undefined;
  }
  const path = decodePath(target.split(/[?#]/, 1)[0] ?? "");
  if (path === undefined) sendText(request, response, 400, "the path of the URL is invalid");
  return path;
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
