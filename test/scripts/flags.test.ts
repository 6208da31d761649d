import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

function run(script: string, ...args: string[]) {
  const file = fileURLToPath(new URL(`../../scripts/${script}.ts`, import.meta.url));
  return spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
}

for (const script of ["fuzz", "sim", "soak"]) {
  test(`npm run ${script} prints its help, and names the error in a command line`, () => {
    const help = run(script, "--help");
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^Usage: npm run ${script} `));
    const wrong = run(script, "--nope");
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^Unknown option '--nope'/);
    assert.doesNotMatch(wrong.stderr, /^ {4}at /m);
  });
}

test("a flag that needs a whole number says so", () => {
  const { status, stderr } = run("sim", "--seeds", "x");
  assert.equal(status, 2);
  assert.match(stderr, /^--seeds must be a whole number from 1, not "x"/);
});
