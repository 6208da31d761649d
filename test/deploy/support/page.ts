/** Pages of docs/ as what a reader types: shell blocks to be run, and files to be written, in their order. */

/**
 * A piece of a page. `line` is that of its fence, from 1. `tools`: programs without which a block is left out; with `must` that is a failure where
 * `MOQMESH_REQUIRE_TOOLS=1` asks for them.
 */
export type Step =
  | {
      readonly kind: "run";
      readonly line: number;
      readonly text: string;
      readonly tools: readonly string[];
      readonly must: boolean;
    }
  | { readonly kind: "write"; readonly line: number; readonly text: string; readonly file: string };

export interface Page {
  readonly steps: readonly Step[];
  /** Blocks `sh machine`, and files. */
  readonly machineSteps: readonly Step[];
  /** Blocks that are marked as not run. */
  readonly notRun: number;
  /** Sentences on blocks that break the rules, with their lines. */
  readonly problems: readonly string[];
}

/** Other names of shells, which a test would overlook. */
const OTHER_SHELLS = /^(bash|shell|console|zsh|sh-session|shell-session|terminal)$/;

/** A comment of HTML that begins so has commands which prepare what the page assumes, such as a relay that runs, or try what it says. Readers do not see it. */
const PREPARE = /^<!-- run( .*)?$/;

/**
 * Reads a page.
 * - A block `sh` is run. `sh needs tofu helm` is run where these tools are, which `.ci/deploy` brings.
 * - `sh where moq ffmpeg` is run where these programs are, which CI does not have.
 * - `sh machine` is run on a machine with systemd, by install.test.ts and not by pages.test.ts.
 * - `sh not-run` is not; the text between the block or heading before it and its fence says "not run" and why.
 * - A block with the name of a file, such as `toml relay.toml`, is written to that file.
 */
export function readPage(text: string): Page {
  const reader = new Reader();
  for (const [index, line] of text.split("\n").entries()) reader.take(line, index + 1);
  return reader.page();
}

class Reader {
  readonly #steps: Step[] = [];
  readonly #machineSteps: Step[] = [];
  readonly #problems: string[] = [];
  #notRun = 0;
  /** Text since the last heading or block. */
  #before = "";
  #open: { readonly end: RegExp; readonly line: number; readonly info: string; readonly lines: string[] } | undefined;

  take(line: string, number: number): void {
    if (this.#open !== undefined) {
      if (!this.#open.end.test(line)) {
        this.#open.lines.push(line);
        return;
      }
      this.#close(this.#open);
      this.#open = undefined;
      this.#before = "";
      return;
    }
    const [, fence = "", info = ""] = /^\s*(```+)\s*(.*?)\s*$/.exec(line) ?? [];
    if (fence !== "") this.#open = { end: new RegExp(`^\\s*${fence}\\s*$`), line: number, info, lines: [] };
    else if (PREPARE.test(line))
      this.#open = { end: /^-->$/, line: number, info: line.replace("<!-- run", "sh"), lines: [] };
    else if (/^#+ /.test(line)) this.#before = "";
    else this.#before += `${line}\n`;
  }

  page(): Page {
    if (this.#open !== undefined) this.#problems.push(`line ${this.#open.line}: this block has no end`);
    return { steps: this.#steps, machineSteps: this.#machineSteps, notRun: this.#notRun, problems: this.#problems };
  }

  #close({ line, info, lines }: { line: number; info: string; lines: readonly string[] }): void {
    const text = `${lines.join("\n")}\n`;
    const [language = "", ...words] = info.split(/\s+/);
    const problem = (what: string) => void this.#problems.push(`line ${line}: ${what}`);
    if (OTHER_SHELLS.test(language)) problem(`call it sh, not ${language}, so that the test runs it`);
    if (language !== "sh") {
      const [file] = words;
      for (const steps of file === undefined ? [] : [this.#steps, this.#machineSteps]) {
        steps.push({ kind: "write", line, text, file: file ?? "" });
      }
      return;
    }
    const [rule, ...tools] = words;
    if (rule === undefined || (["needs", "where"].includes(rule) && tools.length > 0)) {
      this.#steps.push({ kind: "run", line, text, tools, must: rule === "needs" });
    } else if (info === "sh machine") {
      this.#machineSteps.push({ kind: "run", line, text, tools: [], must: true });
    } else if (info === "sh not-run") {
      this.#notRun++;
      if (!/not run/i.test(this.#before)) problem('the text before a block "sh not-run" says "not run" and why');
    } else problem(`"${info}" is unknown; use sh, sh not-run, sh machine, sh needs TOOL or sh where PROGRAM`);
  }
}
