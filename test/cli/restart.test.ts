/** What clients see of a relay that is killed and restarted at once. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { freePorts } from "../../lab/ports.ts";
import { connect } from "../../relay/client/client.ts";
import { keptResetKey, MIN_RESET_KEY } from "../../relay/host/reset-key.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingEngine } from "../support/engines.ts";
import { Program, QUIET } from "./support/process.ts";

/** Longest wait for the end of a session: the client's keep-alive interval of five seconds, and time for a busy machine. */
const NOTICED_MS = 15_000;

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-restart-"));
});
after(async () => await rm(folder, { recursive: true, force: true }));

describe("a relay that was killed and restarted", () => {
  it("ends the sessions of the killed one at its clients, long before their idle timeout", {
    timeout: patient(60_000),
    skip: missingEngine(),
  }, async () => {
    const [port = 0] = await freePorts(1);
    const settings = ["--port", String(port), "--tls.state_dir", join(folder, "state"), "--limits.idle_timeout", "5m"];
    const killed = new Program(["serve", ...QUIET, ...settings]);
    await killed.ready();
    const options = { trust: { kind: "system" }, timeoutMs: 10_000 } as const;
    const client = await connect(new URL(`http://127.0.0.1:${port}/`), options);
    killed.kill("SIGKILL");
    await killed.ends();
    const back = new Program(["serve", ...QUIET, ...settings]);
    await back.ready();
    const since = performance.now();
    await client.closed;
    const waited = performance.now() - since;
    back.kill("SIGTERM");
    await back.ends();
    assert.ok(waited < NOTICED_MS, `${waited} ms`);
  });
});

describe("the key of stateless resets", () => {
  it("is kept in a file of the relay's own user, and differs for each address", async () => {
    const state = join(folder, "a", "b");
    const [first, again, other] = [
      await keptResetKey(state, ":: 443"),
      await keptResetKey(state, ":: 443"),
      await keptResetKey(state, ":: 444"),
    ];
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
    assert.ok(first.length >= MIN_RESET_KEY);
    assert.equal((await stat(join(state, "reset.key"))).mode & 0o777, 0o600);
  });

  it("is the same for relays that start at the same time", async () => {
    const state = join(folder, "together");
    const keys = await Promise.all(Array.from({ length: 8 }, () => keptResetKey(state, "x")));
    assert.equal(new Set(keys.map((key) => key.toString("hex"))).size, 1);
  });

  it("is not created without a folder, and not read from a file that is no key", async () => {
    await assert.rejects(keptResetKey("/proc/nope/state", "x"));
    const state = join(folder, "short");
    await keptResetKey(state, "x");
    await writeFile(join(state, "reset.key"), "short");
    await assert.rejects(keptResetKey(state, "x"), /reset\.key is not a file of 32/);
  });
});
