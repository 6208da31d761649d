/** Hooks of the operator and notices of the cloud, at a whole relay. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { connect } from "../../relay/client/index.ts";
import { systemClock } from "../../transport/shared/index.ts";
import { ask, codeOf } from "../admin/support.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { awsReply, MetadataServer } from "../support/metadata-server.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

/** Its timers run after a tenth of their time. */
const HASTY = {
  ...systemClock,
  timer: (delayMs: number, callback: () => void) => systemClock.timer(delayMs / 10, callback),
};

let folder = "";
let noted = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-machine-"));
  noted = join(folder, "noted");
});
beforeEach(() => writeFile(noted, ""));
after(() => rm(folder, { recursive: true, force: true }));

/** A hook that notes its state, after `first`. */
async function hook(first = ""): Promise<string> {
  const path = join(folder, "hook.sh");
  const note = `echo "$MOQMESH_STATE: $MOQMESH_REASONS$MOQMESH_REASON" >> ${noted}`;
  await writeFile(path, `#!/bin/sh\n${first}\n${note}\n`);
  await chmod(path, 0o755);
  return path;
}

const lines = async () => (await readFile(noted, "utf8")).split("\n").slice(0, -1);

async function notes(...expected: string[]): Promise<void> {
  await until(async () => (await lines()).length >= expected.length);
  assert.deepEqual(await lines(), expected);
}

const dial = (relay: TestRelay) => connect(relay.at("ws"), { trust: { kind: "insecure" }, timeoutMs: 5_000 });

async function drain(relay: TestRelay, reason: string): Promise<void> {
  assert.equal((await ask(relay, "POST", "/drain", { reason })).status, 200);
}

async function metric(relay: TestRelay, line: string): Promise<boolean> {
  const answer = await fetch(relay.admin("/metrics"), { headers: { Authorization: `Bearer ${ADMIN_SECRET}` } });
  return (await answer.text()).includes(`\nmoqmesh_${line}\n`);
}

describe("[health] on_change", () => {
  test("runs when the relay becomes ready and not ready, and at its end", async () => {
    await withRelay({ "health.on_change": await hook() }, async (relay) => {
      await notes("ready: ");
      await drain(relay, "test");
      await notes("ready: ", "not_ready: draining");
      assert.equal((await ask(relay, "POST", "/undrain", {})).status, 200);
      await notes("ready: ", "not_ready: draining", "ready: ");
    });
    await notes("ready: ", "not_ready: draining", "ready: ", "not_ready: closed");
  });

  test("ends before the sessions are asked to leave: until then clients may still come", async () => {
    const go = join(folder, "go");
    const wait = `[ "$MOQMESH_STATE" = ready ] || while [ ! -e ${go} ]; do sleep 0.02; done`;
    await withRelay({ "health.on_change": await hook(wait) }, async (relay) => {
      await notes("ready: ");
      await drain(relay, "test");
      assert.deepEqual(relay.relay.reasons(), ["draining"]);
      const client = await dial(relay);
      await writeFile(go, "");
      await assert.rejects(
        until(async () => (await dial(relay)).close().then(() => false)),
        /503/,
      );
      assert.deepEqual(await lines(), ["ready: ", "not_ready: draining"]);
      await client.close();
    });
  });
});

describe("[drain]", () => {
  test("delay: the relay is not ready and still accepts sessions, then asks them to leave and runs on_drained once", async () => {
    const settings = { "drain.delay": "300ms", "drain.grace": "0s", "drain.on_drained": await hook() };
    await withRelay(settings, async (relay) => {
      await (await dial(relay)).close();
      await drain(relay, "maintenance");
      assert.deepEqual(relay.relay.reasons(), ["draining"]);
      await dial(relay);
      await notes("drained: maintenance");
      assert.equal(relay.counters.sessionsActive, 0);
      await relay.relay.drain("the end");
      assert.deepEqual(await lines(), ["drained: maintenance"]);
    });
  });
});

describe("a hook that cannot be started", () => {
  test("does not keep the relay from its end", async () => {
    await withRelay({ "drain.grace": "0s", "drain.on_drained": await hook() }, async (relay) => {
      await relay.relay.drain("a\0b");
      assert.equal(relay.relay.state(), "closed");
      await relay.relay.ended;
      assert.ok(relay.captured.messages().some((text) => text.startsWith("hook failed")));
    });
  });

  test("a drain is refused when its reason has control characters", async () => {
    await withRelay({}, async (relay) => {
      for (const reason of ["a\0b", "a\nb", "\u009b1m"]) {
        const answer = await ask(relay, "POST", "/drain", { reason });
        assert.deepEqual([answer.status, codeOf(answer)], [400, "bad_request"]);
      }
      assert.equal(relay.relay.state(), "ready");
    });
  });
});

describe("[cloud] notices", () => {
  let server: MetadataServer;
  before(async () => {
    server = await MetadataServer.open();
  });
  after(() => server.close());

  test("an interruption drains the relay in time and runs on_drained; when it is withdrawn the relay serves again", async () => {
    const entries = new Map<string, string>();
    server.reply = awsReply(entries);
    const settings = {
      "cloud.notices": "aws",
      "cloud.url": server.url,
      "cloud.interval": "1s",
      "drain.grace": "1h",
      "drain.on_drained": await hook(),
    };
    await withRelay(
      settings,
      async (relay) => {
        const client = await dial(relay);
        await until(() => metric(relay, 'cloud_polls_total{outcome="ok"} 1'));
        // Its end is so near that sessions get no time to leave by themselves.
        const time = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000).toISOString();
        entries.set("spot/instance-action", JSON.stringify({ action: "terminate", time }));
        const reason = `AWS will terminate this spot instance at ${time}`;
        await notes(`drained: ${reason}`);
        assert.equal(relay.counters.sessionsActive, 0);
        assert.deepEqual(relay.relay.reasons(), ["draining", "machine_ending"]);
        assert.equal(relay.relay.health().reasons[1]?.message, reason);
        assert.ok(await metric(relay, 'cloud_notices_total{kind="interruption"} 1'));
        assert.ok(await metric(relay, `cloud_end_timestamp_seconds ${Date.parse(time) / 1_000}`));
        // The hook has written its note and may not have ended.
        await until(() => metric(relay, 'hook_runs_total{hook="on_drained",outcome="ok"} 1'));
        await assert.rejects(dial(relay), /503/);
        entries.clear();
        await until(() => relay.relay.reasons().length === 0);
        await (await dial(relay)).close();
        await client.close();
      },
      { clock: HASTY },
    );
  });

  const SCALE_IN = "autoscaling/target-lifecycle-state";
  const NOTICES = { "cloud.notices": "aws", "cloud.interval": "1s", "drain.grace": "1h" } as const;
  const ofServer = () => ({ ...NOTICES, "cloud.url": server.url });
  const reasons = (relay: TestRelay) => relay.relay.reasons().join();

  test("a second notice shortens the drain of the first, and the relay serves again when both are withdrawn", async () => {
    const entries = new Map([[SCALE_IN, "Terminated"]]);
    server.reply = awsReply(entries);
    await withRelay(
      { ...ofServer(), "drain.on_drained": await hook() },
      async (relay) => {
        const client = await dial(relay);
        await until(() => reasons(relay) === "draining,machine_ending");
        assert.equal(relay.counters.sessionsActive, 1);
        const time = new Date(Date.now() + 4_000).toISOString();
        entries.set("spot/instance-action", JSON.stringify({ action: "terminate", time }));
        await until(() => relay.counters.sessionsActive === 0);
        await until(async () => (await lines()).length === 1);
        assert.match(String(relay.relay.health().reasons[1]?.message), /terminate this spot instance/);
        entries.clear();
        await until(() => reasons(relay) === "");
        await (await dial(relay)).close();
        await client.close();
      },
      { clock: HASTY },
    );
  });

  test("a drain of an operator outlasts a notice that came before it", async () => {
    const entries = new Map([[SCALE_IN, "Terminated"]]);
    server.reply = awsReply(entries);
    await withRelay(
      { ...ofServer(), "drain.on_drained": await hook() },
      async (relay) => {
        const client = await dial(relay);
        await until(() => reasons(relay) === "draining,machine_ending");
        await drain(relay, "maintenance");
        assert.equal(codeOf(await ask(relay, "POST", "/drain", {})), "not_serving");
        entries.clear();
        await until(() => reasons(relay) === "draining");
        assert.equal(relay.relay.state(), "draining");
        assert.equal((await ask(relay, "POST", "/undrain", {})).status, 200);
        assert.equal(reasons(relay), "");
        // The sessions had not left: on_drained has not run.
        assert.equal(relay.counters.sessionsActive, 1);
        await client.close();
        await relay.relay.drain("the end");
        assert.deepEqual(await lines(), ["drained: the end"]);
      },
      { clock: HASTY },
    );
  });
});
