/** What clients of a relay see that is killed and is back at once. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { freePorts } from "../../lab/ports.ts";
import { connect } from "../../relay/client/client.ts";
import { keptResetKey, MIN_RESET_KEY } from "../../relay/host/reset-key.ts";
import { missingEngine } from "../support/engines.ts";
import { Program, QUIET } from "./support/process.ts";

/** Longest wait for the end of a session: a sign of life of the client's, every five seconds, and a busy machine. */
const NOTICED_MS = 15_000;

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-restart-"));
});
after(async () => await rm(folder, { recursive: true, force: true }));

describe("a relay that was killed and is back", () => {
  it("lets clients know that their sessions are gone, long before they miss it", {
    timeout: 60_000,
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
  it("is kept, for the relay's own user only, and is another one at each address", async () => {
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

  it("is the same for relays that begin at once", async () => {
    const state = join(folder, "together");
    const keys = await Promise.all(Array.from({ length: 8 }, () => keptResetKey(state, "x")));
    assert.equal(new Set(keys.map((key) => key.toString("hex"))).size, 1);
  });

  it("is not made where no folder can be, and not read from what is no key", async () => {
    await assert.rejects(keptResetKey("/proc/nope/state", "x"));
    const state = join(folder, "short");
    await keptResetKey(state, "x");
    await writeFile(join(state, "reset.key"), "short");
    await assert.rejects(keptResetKey(state, "x"), /reset\.key is no file with 32/);
  });
});
