import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connect, type Relay, type RelayConfig, type Session, type StartOptions, start } from "../../../embed/index.ts";

/** A folder that is removed after the test. */
export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-embed-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A configuration for one relay of this machine, with a free port and a folder of its own. */
export async function ownConfig(t: TestContext, config: RelayConfig = {}): Promise<RelayConfig> {
  return {
    ...config,
    server: { host: "127.0.0.1", port: 0, threads: 1, ...config.server },
    tls: { state_dir: await folderFor(t), ...config.tls },
    limits: { track_linger: "0s" },
    drain: { grace: "5s", spread: "0s" },
    // Counts of sessions are those of the test alone, and a busy machine keeps its relays ready.
    health: { probe_interval: "0s", event_loop: "9s" },
  };
}

/** A relay that is closed after the test. */
export async function relayFor(t: TestContext, config: RelayConfig = {}, options: StartOptions = {}): Promise<Relay> {
  const relay = await start({ config: await ownConfig(t, config), ...options });
  t.after(() => relay.close());
  return relay;
}

/** A session with `relay` that is closed after the test. */
export async function sessionWith(t: TestContext, { url, fingerprint = "" }: Relay): Promise<Session> {
  const session = await connect(url, { fingerprint });
  t.after(() => session.close());
  return session;
}
