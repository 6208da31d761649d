/** The completion of each shell offers what the command line takes. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { optionsOf } from "../../cli/args.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { placesOf } from "../../cli/completion/model.ts";
import { runProgram } from "../../cli/main.ts";
import { recordedIo } from "./support/io.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-completion-"));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "relay one.toml"), "");

const without = (shell: string) =>
  spawnSync(shell, ["-c", "exit 0"]).status === 0 ? false : `${shell} is not installed`;

async function runCli(args: readonly string[]) {
  const io = recordedIo();
  const code = await runProgram(args, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

/** Writes the script of a shell. */
async function script(shell: string): Promise<string> {
  const { code, out, err } = await runCli(["completion", shell]);
  assert.deepEqual([code, err], [0, ""]);
  const file = join(folder, `moqmesh.${shell}`);
  writeFileSync(file, out);
  return file;
}

/** What is offered for the last word of a line: words, and names of files in the folder. */
const OFFERED: readonly (readonly [line: readonly string[], words: string])[] = [
  [["ad"], "admin"],
  [["admin", "sessions", ""], "show close close-all"],
  [["admin", "sessions", "--ro"], "--role"],
  [["admin", "sessions", "--role", ""], "publisher viewer both idle relay"],
  [["admin", "policies", "set", "live", "--public-subscribe", ""], "yes no"],
  [["admin", "keys", "add", "rel"], "relay one.toml"],
  [["token", "s"], "sign"],
  [["token", "sign", "--admin", ""], "read write"],
  [["plan", "--cloud", ""], "aws google azure none"],
  [["serve", "rel"], "relay one.toml"],
  [["serve", "--log.lev"], "--log.level"],
  [["serve", "--log.level", "f"], "fatal"],
  [["serve", "--http.ui", ""], "true false"],
  [["serve", "--port", ""], ""],
  [["check", "--config", "none"], ""],
  [["nope", ""], ""],
  [["completion", ""], "bash zsh fish"],
];

describe("completion", () => {
  it("has every command with every option, and every word that leads to one", () => {
    const places = new Map(placesOf(COMMANDS).map((place) => [place.path, place]));
    for (const command of COMMANDS.flatMap((one) => [one, ...(one.parts ?? [])])) {
      const place = places.get(command.name);
      assert.deepEqual(
        place?.options.map(({ text }) => text),
        optionsOf(command).map(({ name }) => `--${name}`),
        command.name,
      );
      const words = command.name.split(" ");
      for (const [at, word] of words.entries()) {
        const before = places.get(words.slice(0, at).join(" "));
        assert.ok(
          before?.words.some(({ text }) => text === word),
          command.name,
        );
      }
    }
  });

  it("of bash is registered by sourcing it, and offers words, options, values and files", async () => {
    const file = await script("bash");
    const calls = OFFERED.map(([line]) => `offer ${["moqmesh", ...line].map((word) => `'${word}'`).join(" ")}`);
    const program = `set -u; source ${file}; complete -p moqmesh
offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _moqmesh; (IFS=' '; echo "\${COMPREPLY[*]-}"); }
${calls.join("\n")}
offer moqmesh admin sessions --role = v`;
    const out = execFileSync("bash", ["--norc", "-c", program], { cwd: folder, encoding: "utf8" });
    const [registered, ...offered] = out.trimEnd().split("\n");
    assert.equal(registered, "complete -F _moqmesh moqmesh");
    const expected = OFFERED.map(([line, words]) => [line.join(" "), words]);
    const found = OFFERED.map(([line], index) => [line.join(" "), offered[index]]);
    assert.deepEqual(found, expected);
    assert.equal(offered[OFFERED.length], "viewer", "bash cuts --role=v into three words");
  });

  it("of fish offers the same", { skip: without("fish") }, async () => {
    const file = await script("fish");
    const lines = OFFERED.map(
      ([line]) => `complete -C '${["moqmesh", ...line].join(" ")}' | cut -f1 | string join0; echo`,
    );
    const program = `source ${file}; ${lines.join("; ")}`;
    const out = execFileSync("fish", ["--no-config", "-c", program], { cwd: folder, encoding: "utf8" });
    const offered = out.split("\n").map((one) => one.split("\0").filter((word) => word !== ""));
    for (const [index, [line, words]] of OFFERED.entries()) {
      const expected = words === "relay one.toml" ? [words] : words.split(" ").filter((word) => word !== "");
      assert.deepEqual(
        offered[index]?.map((word) => word.replaceAll("\\ ", " ")).sort(),
        expected.sort(),
        line.join(" "),
      );
    }
  });

  it("of zsh is a script that zsh can read", { skip: without("zsh") }, async () => {
    const file = await script("zsh");
    const program = `autoload -U compinit; compinit -u -D; source ${file}; print $_comps[moqmesh]`;
    assert.equal(execFileSync("zsh", ["-f", "-c", program], { encoding: "utf8" }), "_moqmesh\n");
  });

  it("of another shell is refused with the names of those that there are", async () => {
    const { code, err } = await runCli(["completion", "tcsh"]);
    assert.equal(code, 2);
    assert.match(err, /there is no completion for "tcsh": name bash, zsh or fish/);
  });
});
