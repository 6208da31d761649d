/** `moqmesh admin … --watch`, as a process that signals end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ADMIN_SECRET } from "../support/admin.ts";
import { clientBroadcasts, dialling, openClient } from "../support/client.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { runAdmin } from "./support/admin-command.ts";
import { type Program, programsForTests } from "./support/process.ts";

const { run } = programsForTests();

function watching(relay: TestRelay, ...args: string[]): Program {
  const env = { ...process.env, MOQMESH_ADMIN_URL: relay.admin("/").href, MOQMESH_ADMIN_TOKEN: ADMIN_SECRET };
  return run(["admin", ...args, "--watch", "0.2"], { env });
}

/** A relay with `live/room1`, and a function that sends one more group of it to a viewer. */
async function withTraffic(work: (relay: TestRelay, send: () => void) => Promise<void>): Promise<void> {
  await withRelay({}, async (relay) => {
    const dial = dialling(relay.at("ws"), { trust: { kind: "system" }, protocol: "moq-lite-04", timeoutMs: 5_000 });
    const open = async () => (await openClient(dial, { broadcasts: clientBroadcasts(), announcePrefix: "" })).client;
    const publishing = await open();
    const publisher = publishing.publish("live/room1");
    await until(() => relay.counters.broadcastsActive === 1);
    const viewing = await open();
    viewing.watch("live/room1", { priority: 0, ordered: false, maxLatency: 60_000 }, "video");
    await until(() => publisher.sinks.size === 1);
    let group = 0;
    await work(relay, () => publisher.send(group++, Buffer.alloc(2_000)));
    for (const one of [viewing, publishing]) one.session.close(0, "");
  });
}

describe("moqmesh admin --watch", () => {
  it("shows look after look, totals as rates, goes on while the relay is away, and ends with 0 on Ctrl-C", () =>
    withTraffic(async (relay, send) => {
      const program = watching(relay, "prefixes");
      const [first] = await program.says(
        /moqmesh admin prefixes, 127\.0\.0\.1:\d+, [\d:]+ UTC\n\nPREFIX .*\nlive +1 .*\n/,
      );
      assert.match(first, /PREFIX +BROADCASTS +VIEWERS +TRACKS +IN +OUT +BYTES IN +BYTES OUT\nlive .* - +- +/);
      await until(() => {
        send();
        return /^live +1 +1 +1 +[\d.]+ [kM]?bit\/s +[\d.]+ [kM]?bit\/s +[\d.]+ k?B/m.test(program.stdout);
      });
      await relay.relay.close("gone for a while");
      await program.says(
        /UTC\n\nhttp:\S+ cannot be reached: .*ECONNREFUSED\S*\n(?:.*\n)*.*UTC\n\nhttp:\S+ cannot be reached/,
      );
      program.kill("SIGINT");
      assert.equal(await program.ends(), 0);
      assert.equal(program.stderr, "");
    }));

  it("prints one document a line with --json", () =>
    withTraffic(async (relay) => {
      const program = watching(relay, "broadcasts", "--json");
      await program.says(/\n.*\n/);
      program.kill("SIGTERM");
      assert.equal(await program.ends(), 0);
      const looks = program.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      assert.ok(looks.length >= 2);
      for (const { total, items } of looks) assert.deepEqual([total, items[0].path], [1, "live/room1"]);
    }));

  it("ends when the same request can never succeed", () =>
    withRelay({}, async (relay) => {
      const { code, err } = await runAdmin(relay, ["sessions", "show", "none", "--watch"]);
      assert.equal(code, 5);
      assert.match(err, /\(no_such_session\)\n$/);
    }));
});
