/** terraform/ under checkov and tflint. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { patient } from "../../scripts/suite/patience.ts";
import { tool } from "../support/tools.ts";

const FOLDER = resolve(import.meta.dirname, "../../terraform");
const checkov = tool("checkov");
const tflint = tool("tflint");

/** What a program prints, whatever its exit code. */
async function printed(program: string, args: readonly string[], cwd: string): Promise<string> {
  const ran = promisify(execFile)(program, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
  const { stdout } = await ran.catch((error: unknown) => error as { stdout: string });
  return stdout;
}

interface Check {
  readonly check_id: string;
  readonly check_name: string;
  readonly resource: string;
  readonly check_result: { readonly suppress_comment?: string };
}

interface Findings {
  readonly results: {
    readonly passed_checks: Check[];
    readonly failed_checks: Check[];
    readonly skipped_checks: Check[];
  };
}

describe("terraform/ under checkov", { skip: checkov.missing }, () => {
  it("fails no check, and says of each skipped one why", { timeout: patient(180_000) }, async () => {
    const args = ["--directory", "modules", "--framework", "terraform", "--output", "json", "--compact"];
    const { results } = JSON.parse(await printed(checkov.path, args, FOLDER)) as Findings;
    assert.ok(results.passed_checks.length > 50, `${results.passed_checks.length} checks`);
    assert.deepEqual(
      results.failed_checks.map((check) => `${check.check_id} ${check.resource}: ${check.check_name}`),
      [],
    );
    for (const { check_id, resource, check_result } of results.skipped_checks) {
      assert.ok(
        (check_result.suppress_comment ?? "").length > 20,
        `${check_id} of ${resource} is skipped without a reason`,
      );
    }
  });
});

describe("terraform/ under tflint", { skip: tflint.missing }, () => {
  const config = join(FOLDER, ".tflint.hcl");

  it("has nothing that is not used, typed or pinned", async () => {
    assert.equal(await printed(tflint.path, ["--recursive", "--no-color", "--config", config], FOLDER), "");
  });

  it("would not have it, if there were", async () => {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-tflint-"));
    try {
      await writeFile(join(folder, "main.tf"), 'variable "unused" {}\n');
      assert.match(await printed(tflint.path, ["--no-color", "--config", config], folder), /declared but not used/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
