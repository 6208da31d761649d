/** moq-test-client of Cloudflare's moq-rs: tests of a relay, with content that it verifies object by object. */
import { join } from "node:path";
import { cargoInstall, exists, PROGRAMS, run } from "../cache.ts";
import type { Finding, Peer, Scene } from "../contract.ts";
import { readTap } from "../tap.ts";

const VERSION = "0.2.0";
const PROGRAM = join(PROGRAMS, "moq-test-client");

async function* examine({ authority }: Scene): AsyncIterable<Finding> {
  yield* await tests("WebTransport", `https://${authority}`);
  yield* await tests("QUIC", `moqt://${authority}`);
}

/** The exit code is that of the worst test. */
async function tests(transport: string, url: string): Promise<Finding[]> {
  const args = ["--relay", url, "--tls-disable-verify"];
  const { stdout } = await run(PROGRAM, args).catch((error: { stdout: string }) => error);
  return readTap(transport, stdout);
}

export const MOQ_TEST_CLIENT: Peer = {
  name: "moq-test-client",
  registry: "crates.io",
  version: VERSION,
  protocols: ["moqt-18"],
  install: async () => await cargoInstall("moq-test-client", VERSION),
  installed: async () => await exists(PROGRAM),
  examine,
};
