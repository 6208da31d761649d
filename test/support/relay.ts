/**
 * The relay under test: started in this process on a free loopback port, with a quiet log, and stopped after.
 *
 * With `MOQMESH_TEST_RELAY=http://127.0.0.1:4443/` the tests run against a relay that is up already, ours or another,
 * to tell whose fault a failure is; tests that need settings of their own are then skipped by the caller.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../relay/config/config.ts";
import { start } from "../../relay/main.ts";

/** Address of a relay that is up already, if the tests shall use one. */
export const EXTERNAL_RELAY = process.env["MOQMESH_TEST_RELAY"];

export interface TestRelay {
  /** `http://127.0.0.1:PORT/`; the same port takes WebTransport and WebSocket. */
  readonly url: URL;
  /** SHA-256 of the certificate, as clients pin it. */
  readonly certificateHash: Uint8Array<ArrayBuffer>;
  /** Ends every session and frees the port. */
  stop(): Promise<void>;
}

/** Settings over the defaults, by the names that the environment has for them, e.g. `MOQMESH_SERVER_WEBSOCKET`. */
export type Settings = Readonly<Record<string, string>>;

const QUIET: Settings = {
  MOQMESH_SERVER_HOST: "127.0.0.1",
  MOQMESH_SERVER_PORT: "0",
  MOQMESH_HTTP_ADMIN: "false",
  MOQMESH_LOG_LEVEL: "error",
  MOQMESH_LOG_FORMAT: "json",
};

/**
 * Starts a relay, or names the one that is up already when there are no settings of the test's own.
 *
 * @param pageFolder Where the demo page was built, when it is not web/dist.
 */
export async function startRelay(settings: Settings = {}, pageFolder?: string): Promise<TestRelay> {
  if (EXTERNAL_RELAY !== undefined && Object.keys(settings).length === 0) return await external(EXTERNAL_RELAY);
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-test-"));
  const { config } = loadConfig({ env: { ...QUIET, MOQMESH_TLS_STATE_DIR: folder, ...settings } });
  const relay = await start(config, pageFolder === undefined ? {} : { pageFolder });
  const { fingerprint } = relay;
  if (fingerprint === undefined) throw new Error("the relay has no self-signed certificate");
  return {
    url: new URL(`http://127.0.0.1:${relay.address.port}/`),
    certificateHash: bytes(fingerprint),
    stop: async () => {
      await relay.close("the test is over");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function external(address: string): Promise<TestRelay> {
  const url = new URL(address);
  const response = await fetch(new URL("/certificate.sha256", url));
  return { url, certificateHash: bytes((await response.text()).trim()), stop: async () => undefined };
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
