import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { generateKey, publicJwk } from "../../auth/index.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingEngine } from "../support/engines.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TIMEOUT_MS = patient(30_000);

/** Working directory of the relays, with the keys that docs/mesh.md tells an operator to make. */
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-configs-"));
  await mkdir(join(folder, ".state/mesh/keys"), { recursive: true });
  const key = await generateKey({ alg: "ES256" });
  await writeFile(join(folder, ".state/mesh/cluster.jwk"), JSON.stringify(key.jwk));
  await writeFile(join(folder, `.state/mesh/keys/${key.kid}.jwk`), JSON.stringify(publicJwk(key)));
});
after(() => rm(folder, { recursive: true, force: true }));

/** The configuration that `moqmesh check` prints, by key. */
async function checked(file: string): Promise<ReadonlyMap<string, unknown>> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MOQMESH_")));
  const { stdout } = await run(
    process.execPath,
    [`${ROOT}bin/moqmesh.js`, "check", `${ROOT}${file}`, "--json", "--running"],
    {
      cwd: folder,
      env,
    },
  );
  const report: { ok: boolean; values: { key: string; value: unknown }[] } = JSON.parse(stdout);
  assert.equal(report.ok, true);
  return new Map(report.values.map(({ key, value }) => [key, value]));
}

/** The files name an authority, and only the native engine checks certificates against one. */
const skip = missingEngine();

describe("configurations of a mesh", { timeout: 4 * TIMEOUT_MS, skip }, () => {
  const ROLES = ["root", "origin", "regional", "edge"];

  for (const role of ROLES) {
    it(`pass the check: ${role}`, async () => {
      const values = await checked(`configs/${role}.toml`);
      assert.equal(values.get("cluster.role"), role);
      assert.equal(values.get("cluster.url"), `https://127.0.0.1:${values.get("server.port")}`);
    });
  }

  it("fit together on one machine", async () => {
    const all = await Promise.all(ROLES.map((role) => checked(`configs/${role}.toml`)));
    const of = (key: string) => all.map((values) => values.get(key));
    for (const key of ["server.port", "http.admin_port", "cluster.node"]) assert.equal(new Set(of(key)).size, 4, key);
    for (const key of ["tls.state_dir", "auth.key_dir", "cluster.key_file", "cluster.ca"]) {
      assert.equal(new Set(of(key)).size, 1, key);
    }
    const [root] = all;
    for (const roots of of("cluster.root")) assert.deepEqual(roots, [root?.get("cluster.url")]);
    const [, , regional, edge] = of("cluster.region");
    assert.equal(edge, regional);
  });
});
