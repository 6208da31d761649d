/**
 * The thread of health. Its port answers while the event loop of the main thread is blocked, and in the same time whatever the load of the
 * relay is; and it finds out what the main thread does then.
 */
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { collectStart, http } from "../../transport/shared/index.ts";
import type { ThreadData, ThreadMessage } from "./port.ts";
import { SharedState } from "./shared-state.ts";
import { sampleMainThread } from "./stack-sample.ts";
import { type Stall, StallWatch, stallLine } from "./stall-watch.ts";

/** Milliseconds for the headers of a request and for a whole request, and without a byte on a connection. */
const HEADER_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 4_000;
const STALL_MS = 10_000;

/** Most connections at once: the probes of some load balancers. Further ones are closed at once. */
const MAX_CONNECTIONS = 256;

/** Longest request, in bytes of its headers. */
const MAX_HEADER_BYTES = 4_096;

const { memory, host, port, silence, stacks, root } = workerData as ThreadData;
const state = new SharedState(memory);

const ANSWERS: ReadonlyMap<string, "ready" | "live"> = new Map([
  ["/health/ready", "ready"],
  ["/readyz", "ready"],
  ["/healthz", "ready"],
  ["/health/live", "live"],
  ["/livez", "live"],
]);

function statusOf(method = "", url = ""): number {
  const question = ANSWERS.get(url.split("?", 1)[0] ?? "");
  if (question === undefined) return 404;
  if (method !== "GET" && method !== "HEAD") return 405;
  return state.read(process.hrtime.bigint(), silence)[question] ? 200 : 503;
}

const server = http.createServer(
  { headersTimeout: HEADER_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
  (request, response) => {
    request.resume();
    response
      .writeHead(statusOf(request.method, request.url), { "Content-Length": 0, "Cache-Control": "no-store" })
      .end();
  },
);
server.maxConnections = MAX_CONNECTIONS;
server.timeout = STALL_MS;

function send(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

if (port === undefined) {
  send({ started: true });
} else {
  server.on("error", (error: NodeJS.ErrnoException) => send({ failed: error.message, code: error.code ?? "" }));
  server.listen({ host, port }, () => {
    const address = server.address();
    if (address !== null && typeof address === "object") send({ address: address.address, port: address.port });
  });
}

if (stacks) {
  new StallWatch({
    silentMs: () => state.silentMs(process.hrtime.bigint()),
    blockedMs: silence.blockedMs,
    sample: () => sampleMainThread(root),
    report: (stall) => send({ stall }),
    write: writeLine,
    now: () => performance.now(),
  }).start();
}

/** Writes the line without the main thread, which owns the log. */
function writeLine(stall: Stall): void {
  const { fields, text } = stallLine(stall);
  const line = { level: "error", time: new Date().toISOString(), ...fields, msg: text };
  try {
    writeSync(1, `${JSON.stringify(line)}\n`);
  } catch {
    // Whatever reads the log does not read.
  }
}

collectStart();
