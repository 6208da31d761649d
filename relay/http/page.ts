import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, relative, sep } from "node:path";
import { type Headers, send } from "./respond.ts";

/** Most bytes of all files of a page together, because they are kept in memory. */
export const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/** The bundler's `name-HASH.ext`: a file whose name carries a hash of its content never changes. */
const HASHED_NAME = /-[A-Z0-9]{8}\.[a-z0-9]+$/;
/** A year, in seconds. */
const IMMUTABLE = "public, max-age=31536000, immutable";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/**
 * The page connects to any relay that a user names (WebTransport and fetch under `https:`, WebSocket under `wss:`, without TLS on a
 * developer's machine), decodes with WebAssembly, and runs its audio worklets from blobs.
 */
const DEMO_POLICY = [
  "default-src 'self'",
  "connect-src 'self' https: wss: http: ws:",
  "script-src 'self' blob: 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob: mediastream:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Cross-origin isolation gives the page shared memory between its audio thread and its decoder. */
export const DEMO_HEADERS: Headers = {
  "Content-Security-Policy": DEMO_POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
};

/** The dashboard talks to its own listener alone. */
export const DASHBOARD_HEADERS: Headers = {
  "Content-Security-Policy":
    "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
};

interface PageFile {
  readonly bytes: Uint8Array;
  readonly headers: Headers;
  readonly etag: string;
}

/** The files of one folder, read once and served from memory; a request never reads the file system. */
export class Page {
  readonly #files: ReadonlyMap<string, PageFile>;

  constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files;
  }

  /** Number of files. */
  get size(): number {
    return this.#files.size;
  }

  /** The file at `path` (decoded, starting with `/`; a folder means its `index.html`). */
  file(path: string): PageFile | undefined {
    return this.#files.get(path.endsWith("/") ? `${path}index.html` : path);
  }

  /** Answers with the file at `path` (decoded, starting with `/`; a folder means its `index.html`). False if there is no such file. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const file = this.file(path);
    if (file === undefined) return false;
    const known = (request.headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    const unchanged = known.includes(file.etag) || known.includes("*");
    send(request, response, unchanged ? 304 : 200, file.headers, file.bytes);
    return true;
  }
}

/** Reads a folder and its subfolders; `headers` are sent with each file. Rejects when it cannot be read or has more than {@link MAX_PAGE_BYTES}. */
export async function readPage(folder: string, headers: Headers): Promise<Page> {
  const files = new Map<string, PageFile>();
  let total = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = `/${relative(folder, path).split(sep).join("/")}`;
    if (!entry.isFile() || name.includes("/.")) continue;
    total += (await stat(path)).size;
    if (total > MAX_PAGE_BYTES) throw new Error(`${folder} has more than ${MAX_PAGE_BYTES} bytes`);
    files.set(name, pageFile(name, await readFile(path), headers));
  }
  return new Page(files);
}

function pageFile(name: string, bytes: Uint8Array, more: Headers): PageFile {
  const extension = extname(name).toLowerCase();
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  const hashed = extension !== ".html" && HASHED_NAME.test(name);
  const headers = {
    "Content-Type": CONTENT_TYPES[extension] ?? "application/octet-stream",
    "Cache-Control": hashed ? IMMUTABLE : "no-cache",
    ETag: etag,
    "Cross-Origin-Resource-Policy": "same-origin",
    ...more,
  };
  return { bytes, headers, etag };
}
