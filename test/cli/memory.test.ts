/** The memory of a relay before its first viewer (docs/decisions/31-memory-before-the-first-viewer.md). */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BUNDLED } from "../../scripts/bundle/checkout.ts";
import { testCertificate } from "../support/certificate.ts";
import { until } from "../support/until.ts";
import { programsForTests } from "./support/process.ts";

const { serve, folder } = programsForTests();

/** MB of memory that no other process shares: 34 were measured, after 43 when no test looked. */
const OWN_MB = 38;

const skip =
  process.platform === "linux" && process.arch === "x64" && process.env["MOQMESH_TESTED"] === BUNDLED.MOQMESH_TESTED
    ? false
    : "measured of the bundle, on x64";

function ownMb(pid: number): number {
  const [, kb] = /^Private_Dirty: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
  return Number(kb) / 1_024;
}

test("a relay with a certificate has at most 38 MB of its own before its first viewer", { skip }, async () => {
  const { cert, key } = await testCertificate();
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  const program = serve(["--tls.cert", files.cert, "--tls.key", files.key, "--http.admin", "false"]);
  await program.says(/"relay ready"/);
  // It returns what its start needed after this line.
  await until(() => ownMb(program.child.pid ?? 0) <= OWN_MB, `at most ${OWN_MB} MB`);
  program.kill("SIGTERM");
  assert.equal(await program.ends(), 0);
});
