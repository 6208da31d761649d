/** A newcomer's path: from a Debian with systemd alone to a relay that serves, by the commands of docs/deploy/install.md. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { patient } from "../../scripts/suite/patience.ts";
import { copyCheckout } from "../support/checkout.ts";
import { missingEngine } from "../support/engines.ts";
import { tool } from "../support/tools.ts";
import { until } from "../support/until.ts";
import { missingMachine, runOnMachine } from "./support/booted.ts";
import { Container, NONROOT, readImage } from "./support/container.ts";
import { readPage } from "./support/page.ts";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = "docs/deploy/install.md";

/** What a newcomer may need from the package to a relay that serves, in seconds. */
const NEWCOMER_S = 300;

const TIMEOUT = { timeout: patient(240_000) };

/** Why the package is not made: it takes a minute or two, and changes seldom. */
const skip =
  (process.env["MOQMESH_REQUIRE_TOOLS"] !== "1" &&
    "it takes minutes: MOQMESH_REQUIRE_TOOLS=1, as in .ci/deploy, asks for it") ||
  tool("dpkg-deb").missing ||
  missingEngine();

describe("the Debian package", { skip }, () => {
  const lintian = tool("lintian");
  let folder: string;
  let deb: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "moqmesh-deb-"));
    const source = join(folder, "source");
    await copyCheckout(source);
    const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
    const { stdout } = await run("npm", ["run", "--silent", "deb"], {
      cwd: source,
      env: { ...process.env, PATH: path },
    });
    deb = stdout.trim().split("\n").at(-1) ?? "";
  }, TIMEOUT);
  after(async () => await rm(folder, { recursive: true, force: true }));

  it("has no findings of lintian", { skip: lintian.missing, ...TIMEOUT }, async () => {
    const { stdout } = await run(lintian.path, ["--allow-root", "--fail-on", "error,warning", deb]);
    assert.equal(stdout, "");
  });

  it("asks for no library that its programs do not need, and for all that they need", async () => {
    const { stdout } = await run("dpkg-deb", ["--field", deb, "Depends"]);
    assert.deepEqual(
      stdout.split(",").map((one) => one.trim().split(" ")[0]),
      ["libc6", "libgcc-s1", "libstdc++6", "systemd"],
    );
  });

  it("has a program that runs as the Dockerfile says: as nonroot, its root for reading only, without a capability", {
    skip: missingMachine,
    ...TIMEOUT,
  }, async () => {
    const base = await mkdtemp(join(folder, "container-"));
    await run("dpkg-deb", ["--extract", deb, join(base, "package")]);
    const program = join(base, "package", "usr/lib/moqmesh");
    const image = readImage(await readFile(join(ROOT, "Dockerfile"), "utf8"));
    await mkdir(join(base, "keys"));
    const files = [
      ["app", program],
      ["nodejs/bin/node", join(program, "node/bin/node")],
      ["etc/moqmesh/relay.toml", join(ROOT, "deploy/compose/relay.toml")],
      ["etc/moqmesh/keys", join(base, "keys")],
    ] as const;
    const container = await Container.start(base, image, new Map(files));
    try {
      await until(() => {
        assert.ok(container.running, container.output);
        return container.output.includes('"msg":"relay ready"');
      }, "the relay");
      assert.equal(await container.health(), "ready\n");
      const status = await container.status();
      assert.match(status, new RegExp(`^Uid:(\\s+${NONROOT}){4}$`, "m"));
      assert.match(status, /^CapEff:\s+0+$/m);
      assert.match(status, /^NoNewPrivs:\s+1$/m);
      await assert.rejects(container.run("touch", "/app/written"), /Read-only file system/);
      assert.equal(await container.stop(), 0);
      assert.match(container.output, /"msg":"relay draining".*"msg":"relay closed"/s);
    } finally {
      container.kill();
    }
  });

  it("makes a relay that serves of a Debian with systemd, by the commands of its page", {
    skip: missingMachine,
    ...TIMEOUT,
  }, async (t) => {
    const page = readPage(await readFile(join(ROOT, PAGE), "utf8"));
    assert.ok(page.machineSteps.length > 5);
    await runOnMachine(PAGE, page.machineSteps, [deb], async ({ output, seconds, read }) => {
      t.diagnostic(
        `from the package to a relay that was opened to the world, and its removal: ${seconds.toFixed(1)} s`,
      );
      assert.ok(seconds < NEWCOMER_S);
      assert.match(output, /Active: active \(running\)/);
      assert.match(output, /Status: "Ready: 0 sessions, 0 broadcasts"/);
      assert.equal(output.match(/^ready$/gm)?.length, 2);
      assert.match(await read("log"), /Reloaded moqmesh\.service/);
      const [, grade] = /Overall exposure level for moqmesh\.service: (\d+\.\d+)/.exec(await read("grade")) ?? [];
      assert.ok(Number(grade) < 2, `systemd grades the unit ${grade}`);
    });
  });
});
