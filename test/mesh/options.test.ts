import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DRILLS } from "../../lab/drills/all.ts";
import { meshHelp, parseMesh } from "../../lab/options.ts";
import { placesOf } from "../../lab/topology.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { refusedBy } from "../support/usage.ts";

const PROGRAM = fileURLToPath(new URL("../../lab/main.ts", import.meta.url));
const TIMEOUT_MS = patient(30_000);

const refused = refusedBy(parseMesh);

describe("options of the mesh", () => {
  it("have defaults", () => {
    const options = parseMesh([]);
    assert.ok(options !== "help");
    assert.equal(options.drill, undefined);
    assert.deepEqual(options.shape, { origins: 1, regionals: 2, edges: 4 });
    const { viewers, framesPerSecond, frameBytes, framesPerGroup } = options.broadcasting;
    assert.deepEqual([viewers, framesPerSecond, frameBytes, framesPerGroup], [[5], 30, 1_200, 30]);
  });

  it("name a drill", () => {
    for (const name of [
      "kill-regional",
      "kill-root",
      "kill-origin",
      "hitless",
      "restart-publisher",
      "rolling-restart",
      "continents",
      "partition",
      "cut-regional",
      "cut-origin",
      "upgrade",
    ]) {
      const options = parseMesh(["--drill", name, "--json", "--viewers", "20"]);
      assert.ok(options !== "help");
      assert.deepEqual([options.drill?.name, options.json, options.broadcasting.viewers], [name, true, [20]]);
      assert.ok(meshHelp().includes(name));
    }
    assert.equal(DRILLS.size, 11);
    refused(/"kill-everybody" is unknown; use one of kill-regional/, "--drill", "kill-everybody");
    refused(/--json needs --drill/, "--json");
    refused(/--from needs --drill upgrade/, "--drill", "partition", "--from", "HEAD^");
  });

  it("start Prometheus beside a mesh that is shown", () => {
    const options = parseMesh(["--alerts", "30"]);
    assert.ok(options !== "help");
    assert.equal(options.alerts, 30);
    refused(/--alerts does not go with --drill/, "--alerts", "30", "--drill", "partition");
    refused(/--alerts: expected a whole number from 1 to 60/, "--alerts", "61");
  });

  it("place the viewers in two regions below one parent region, where a drill has one", () => {
    const places = placesOf({ origins: 1, regionals: 2, edges: 4, hubs: 2 });
    const seen = (role: string) =>
      places.filter((place) => place.role === role).map(({ name, region, parent }) => [name, region, parent]);
    assert.deepEqual(seen("regional"), [
      ["hub-1", "hub", undefined],
      ["hub-2", "hub", undefined],
      ["regional-1", "west", "hub"],
      ["regional-2", "south", "hub"],
    ]);
    assert.deepEqual(
      seen("edge").map(([, region]) => region),
      ["west", "south", "west", "south"],
    );
  });

  it("are bounded", () => {
    refused(/--frame-bytes must be at least 16/, "--frame-bytes", "15");
    refused(/--edges: expected a whole number from 1 to 32/, "--edges", "33");
    refused(/did you mean --viewers/, "--viewer", "3");
  });

  it("are listed by `--help`", { timeout: TIMEOUT_MS }, async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [PROGRAM, "--help"]);
    assert.equal(stdout, meshHelp());
    await assert.rejects(run(process.execPath, [PROGRAM, "--drill", "nothing"]), { code: 2, stdout: "" });
  });
});
