/** The dialling end of the stream churn, a process of its own. */
import type { Link } from "../../../moq/link.ts";
import { createEngine } from "../../../transport/engines.ts";
import { deps, handler, type Job, LIMITS, LOOK_MS, PROTOCOL } from "./ends.ts";
import { Memory } from "./memory.ts";

/** Bytes of each stream. */
const PAYLOAD = new Uint8Array(200);

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

process.once("message", (job: Job) => void dialling(job));
