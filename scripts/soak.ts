/** Opens and ends streams for a long time and checks that memory stays flat at both ends: `npm run soak`. The parent listens, the child dials. */
import { fork } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Link, LinkHandler, LinkLimits, RecvHandler } from "../moq/link.ts";
import { createEngine } from "../transport/engines.ts";
import { systemClock } from "../transport/shared/index.ts";
import { certificateHosts, makeSelfSigned } from "../transport/tls/index.ts";
import { readFlags, wholeFlag } from "./flags.ts";

const STREAMS = 10_000_000;

const HELP = `Usage: npm run soak -- [--streams ${STREAMS}] [--engine native]

Opens and ends streams for a long time and looks whether memory stays flat, at both ends. Ten million take minutes.

  --streams N    Streams to open and end (default ${STREAMS}).
  --engine NAME  The QUIC engine of both ends (default native).

Exit codes: 0 memory stayed flat, 1 it grew or an end failed, 2 wrong command line.`;

const PROTOCOL = "moq-lite-05";

/** Bytes of each stream. */
const PAYLOAD = new Uint8Array(200);

/** MiB that memory may grow by in the second half of the run; in the first half, tables reach their size. */
const ALLOWED_MIB = 24;

const LIMITS: LinkLimits = {
  uniStreams: 128,
  bidiStreams: 16,
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  queueMark: 4 * 2 ** 20,
};

/** Milliseconds between two checks of memory. */
const LOOK_MS = 1000;

interface Job {
  readonly engine: string;
  readonly port: number;
  readonly sha256: string;
  readonly streams: number;
}

const deps = {
  clock: systemClock,
  warn: (message: string, error?: unknown) => console.error(message, error ?? ""),
};

function handler(recv: RecvHandler, some: Partial<LinkHandler> = {}): LinkHandler {
  const none = { data() {}, fin() {}, reset() {}, stop() {} };
  return {
    uni: () => recv,
    bidi: () => none,
    datagram() {},
    capacity() {},
    backlog() {},
    drained() {},
    closed() {},
    ...some,
  };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Memory in use, in MiB: resident memory minus heap that V8 has reserved and does not use. V8 doubles its heap at times while thousands of
 * streams open and end, and returns it late; a leak is visible all the same.
 */
function used(): { readonly used: number; readonly rss: number } {
  collect();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { used: (rss - heapTotal + heapUsed) / 2 ** 20, rss: rss / 2 ** 20 };
}

/** The memory of one end over a run. */
class Memory {
  readonly #name: string;
  readonly #total: number;
  #early = 0;

  constructor(name: string, total: number) {
    this.#name = name;
    this.#total = total;
  }

  /** Records the memory in use after `done` streams; false when it has grown too much. */
  look(done: number): boolean {
    const { used: now, rss } = used();
    if (done < this.#total / 2) this.#early = Math.max(this.#early, now);
    console.log(`${this.#name}: ${done} streams, ${now.toFixed(0)} MiB in use, ${rss.toFixed(0)} MiB resident`);
    return this.#early === 0 || now - this.#early <= ALLOWED_MIB;
  }
}

async function dialling(job: Job): Promise<void> {
  const engine = await createEngine(job.engine, deps);
  const memory = new Memory("dialling end", job.streams);
  let opened = 0;
  let link: Link | undefined;
  const done = Promise.withResolvers<void>();
  const open = (): void => {
    while (opened < job.streams) {
      const stream = link?.openUni(1, { stop() {} });
      if (stream === undefined) return;
      stream.write(PAYLOAD);
      // Every tenth stream is reset.
      if (opened % 10 === 9) stream.reset(opened % 1000);
      else stream.finish();
      opened += 1;
    }
    done.resolve();
  };
  const none = { data() {}, fin() {}, reset() {} };
  link = await engine.dial(
    {
      url: new URL(`https://127.0.0.1:${job.port}/`),
      protocols: [PROTOCOL],
      trust: { kind: "hashes", sha256: [Buffer.from(job.sha256, "hex")] },
      limits: LIMITS,
      timeoutMs: 10_000,
    },
    () => handler(none, { capacity: open, closed: () => done.reject(new Error("the link has ended")) }),
  );
  const looks = setInterval(() => {
    if (!memory.look(opened)) process.exitCode = 1;
  }, LOOK_MS);
  open();
  await done.promise;
  clearInterval(looks);
  if (!memory.look(opened)) process.exitCode = 1;
  link.close(0, "");
  process.disconnect();
}

async function listening(): Promise<void> {
  const values = readFlags(HELP, {
    streams: { type: "string", default: String(STREAMS) },
    engine: { type: "string", default: "native" },
  });
  const streams = wholeFlag(HELP, "streams", values.streams, 1);
  const engine = await createEngine(values.engine, deps);
  const certificate = await makeSelfSigned(certificateHosts([]), Date.now());
  const memory = new Memory("listening end", streams);
  let ended = 0;
  const end = (): void => {
    ended += 1;
  };
  const recv = { data() {}, fin: end, reset: end };
  const listener = await engine.listen(
    { host: "127.0.0.1", port: 0, protocols: [PROTOCOL], certificate, limits: LIMITS },
    (request) => request.accept(() => handler(recv)),
  );
  const sha256 = createHash("sha256").update(new X509Certificate(certificate.cert).raw).digest("hex");
  const child = fork(import.meta.filename);
  child.send({ engine: values.engine, port: listener.address.port, sha256, streams } satisfies Job);
  const looks = setInterval(() => {
    if (!memory.look(ended)) process.exitCode = 1;
  }, LOOK_MS);
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  clearInterval(looks);
  if (!memory.look(ended) || code !== 0) process.exitCode = 1;
  await listener.close();
  console.log(process.exitCode === 1 ? "memory grew, or an end failed" : "memory is flat");
}

if (process.send === undefined) await listening();
else process.once("message", (job: Job) => void dialling(job));
