import { fork } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../../transport/engines.ts";
import { certificateHosts, makeSelfSigned } from "../../../transport/tls/index.ts";
import { deps, handler, type Job, LIMITS, LOOK_MS, PROTOCOL } from "./ends.ts";
import { Memory } from "./memory.ts";

const DIALLING_END = fileURLToPath(new URL("main.ts", import.meta.url));

/** Opens and ends streams at the level of links, and checks that memory stays flat at both ends. This process listens, a child dials. */
export async function runStreams(streams: number, engineName: string): Promise<boolean> {
  const engine = await createEngine(engineName, deps);
  const certificate = await makeSelfSigned(certificateHosts([]), Date.now());
  const memory = new Memory("listening end", streams);
  let flat = true;
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
  const child = fork(DIALLING_END);
  child.send({ engine: engineName, port: listener.address.port, sha256, streams } satisfies Job);
  const looks = setInterval(() => {
    flat = memory.look(ended) && flat;
  }, LOOK_MS);
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  clearInterval(looks);
  flat = memory.look(ended) && flat && code === 0;
  await listener.close();
  console.log(flat ? "memory is flat" : "memory grew, or an end failed");
  return flat;
}
