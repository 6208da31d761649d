import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { ask } from "../admin/support.ts";
import { type Settings, type TestRelay, withRelay } from "../support/relay.ts";
import { recordedIo } from "./support/io.ts";

async function health(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const io = { ...recordedIo(), env };
  return { code: await runProgram(["health", ...args], io), out: io.stdout(), err: io.stderr() };
}

/** A relay that is not ready, because it cannot reach its root. */
const ROOTLESS: Settings = {
  "cluster.node": "edge-1",
  "cluster.role": "edge",
  "cluster.url": "https://127.0.0.1:1/",
  "cluster.root": "https://127.0.0.1:1/",
  "cluster.token": "none",
  "http.health_port": "0",
  "http.health_host": "127.0.0.1",
};

const portOf = ({ relay }: TestRelay, which: "adminAddress" | "healthAddress") => String(relay[which]?.port);

describe("moqmesh health", () => {
  it("ends with 0 for a relay that is ready, found by URL, by variables or by options", () =>
    withRelay({}, async (relay) => {
      const port = portOf(relay, "adminAddress");
      const good = { code: 0, out: "ready\n", err: "" };
      assert.deepEqual(await health([relay.admin("/").href]), good);
      assert.deepEqual(await health([], { MOQMESH_HTTP_ADMIN_PORT: port }), good);
      assert.deepEqual(await health(["--http.admin_port", port, "--live"]), { ...good, out: "live\n" });
    }));

  it("ends with 1 for a relay that is not ready, with the reason, its text and since when", () =>
    withRelay(ROOTLESS, async (relay) => {
      const { code, out, err } = await health([relay.admin("/").href]);
      assert.deepEqual([code, err], [1, ""]);
      assert.match(out, /^not ready\nno_root: none of 1 roots was reached since the start \(since 20\S+Z\)\n$/);
      assert.equal((await health([relay.admin("/").href, "--live"])).code, 0);
      const { out: json } = await health([relay.admin("/").href, "--json"]);
      const { body } = await ask(relay, "GET", "/health");
      assert.deepEqual(JSON.parse(json).reasons, body["reasons"]);
    }));

  it("prints the verdict alone where the port tells no more", () =>
    withRelay(ROOTLESS, async (relay) => {
      const url = `http://127.0.0.1:${portOf(relay, "healthAddress")}/`;
      assert.deepEqual(await health([url]), { code: 1, out: "not ready\n", err: "" });
      assert.deepEqual(await health([`${url}livez`]), { code: 0, out: "ready\n", err: "" });
      const { out } = await health([url, "--json"]);
      assert.deepEqual(JSON.parse(out), { ready: false });
    }));

  it("ends with 1 where nothing answers, and where something else does", () =>
    withRelay({}, async (relay) => {
      const nothing = await health(["http://127.0.0.1:4/"]);
      assert.equal(nothing.code, 1);
      assert.match(nothing.err, /not ready: http:\/\/127\.0\.0\.1:4 cannot be reached: .*ECONNREFUSED/);
      const other = await health([relay.url.href]);
      assert.equal(other.code, 1);
      assert.match(other.err, /is not the health of a relay \(status 404\)/);
    }));

  it("ends with 2 for a command line that is wrong", async () => {
    for (const args of [["ftp://x/"], ["http://127.0.0.1:1/", "--config", "a"], ["--http.admin_port", "0"]]) {
      assert.equal((await health(args)).code, 2, args.join(" "));
    }
  });
});
