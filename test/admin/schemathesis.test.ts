/** schemathesis (PyPI) reads the document of the admin API and looks for requests whose answers do not fit it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ADMIN_SECRET } from "../support/admin.ts";
import { publishTo } from "../support/publisher.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";

const PROGRAM = "schemathesis";

/** Why the test is left out; false when the program is there. `.ci/run` installs it and sets MOQMESH_REQUIRE_SCHEMATHESIS. */
function missing(): string | false {
  if (spawnSync(PROGRAM, ["--version"]).status === 0) return false;
  const how = `${PROGRAM} is not installed: pip install -r .ci/schemathesis.txt`;
  if (process.env["MOQMESH_REQUIRE_SCHEMATHESIS"] === "1") throw new Error(how);
  return how;
}

/** `drain` may end the relay. */
const LEFT_OUT = ["drain"];

/** Requests of each operation in the phase that makes them at random. */
const EXAMPLES = 12;

/** What schemathesis has to know: values that exist, and that a body may be too long although each of its parts fits, or a value out of bounds that no schema expresses. */
async function configuration(relay: TestRelay): Promise<string> {
  const { items } = (await (await fetch(relay.admin("/api/v1/sessions"))).json()) as { items: { id: string }[] };
  return `
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 431]
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 413, 422, 429, 507]
[parameters]
id = ${JSON.stringify(items[0]?.id)}
broadcast = "live/room"
track = "video"
`;
}

test("schemathesis finds no request whose answer does not fit the document", { skip: missing() }, async () => {
  const settings = {
    "http.admin_rate": "100000",
    "http.admin_burst": "100000",
    "cluster.node": "root-1",
    "cluster.role": "root",
    "cluster.url": "https://127.0.0.1:1/",
    "cluster.token": "none",
  };
  await withRelay(settings, async (relay) => {
    await publishTo(relay.at("ws"), "live/room", "video", [["a"]]);
    const file = join(relay.folder, "schemathesis.toml");
    await writeFile(file, await configuration(relay));
    const child = spawn(
      PROGRAM,
      [
        ...["--config-file", file, "run", relay.admin("/api/v1/openapi.json").href],
        ...["--header", `Authorization: Bearer ${ADMIN_SECRET}`, "--checks", "all"],
        ...["--max-examples", String(EXAMPLES), "--generation-deterministic"],
        ...["--no-color", "--output-truncate", "true", "--warnings", "off"],
        ...LEFT_OUT.flatMap((id) => ["--exclude-operation-id", id]),
      ],
      { cwd: relay.folder },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 0, output);
    assert.match(output, /Test cases:\s+\d{3,} generated/, "it made requests");
    assert.equal((await fetch(relay.admin("/health/live"))).status, 200);
  });
});
