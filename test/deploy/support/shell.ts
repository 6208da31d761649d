/** Runs a page's blocks as a reader would: in one shell, in a checkout of their own. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { patient } from "../../../scripts/suite/patience.ts";
import type { Page, Step } from "./page.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

/** Longest time of a page in milliseconds. A page takes a few seconds; what hangs is a service that was not put into the background. */
const LIMIT_MS = patient(120_000);

/** Characters of the output that a failure shows. */
const TAIL = 4_000;

/** Built, not tracked, and needed by the program. */
const BUILT = ["engine/*.node", "web/dist", ".tested"];

/** Folders that a page may write to as root; what it writes is seen by this page alone and is gone after it. */
const WRITABLE = ["/etc", "/opt", "/usr", "/var"];

/**
 * A machine of its own for each page: no network but loopback, so that fixed ports are free, processes that end with the shell, files
 * that it cannot change for others, and the kernel's settings for reading.
 */
const APART = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** The same for a user who is not root. */
const APART_AS_USER = [...APART, "--user", "--map-root-user"];

/**
 * Shell commands that prepare that machine. `$0` is the page's folder, the only one besides {@link WRITABLE} that can be written, and `$1` the
 * checkout, of which the page sees a copy of its own.
 */
const PREPARE = `set -e
ip link set lo up
mount --make-rprivate /
mount --bind "$0" "$0"
layer() {
  mkdir -p "$0/layers$2/upper" "$0/layers$2/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$0/layers$2/upper,workdir=$0/layers$2/work" "$2"
}
for folder in ${WRITABLE.join(" ")}; do layer "$folder" "$folder"; done
layer "$1" "$0/moqmesh"
mount -o remount,ro,bind /
mount -o bind,ro /proc/sys /proc/sys
cd "$0/moqmesh"
`;

const FOUND = [APART, APART_AS_USER].find(isPossible);

/** Why no page can be run here; false where it can. */
export const missing =
  FOUND === undefined && "unshare makes no namespaces here, which keep a page from changing the machine";

function isPossible([command = "", ...args]: readonly string[]): boolean {
  const folder = mkdtempSync(join(tmpdir(), "moqmesh-pages-"));
  try {
    for (const name of ["moqmesh", "source"]) mkdirSync(join(folder, name));
    return spawnSync(command, [...args, "bash", "-c", PREPARE, folder, join(folder, "source")]).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A copy of what is in git, without tests: each page gets one, and may change it. */
export class Checkout {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Checkout> {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-pages-"));
    const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    const { stdout } = await promisify(execFile)("git", list, { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 });
    const source = join(folder, "source");
    const wanted = new Set(stdout.split("\0").filter((path) => path !== "" && !path.startsWith("test/")));
    for (const path of globSync([...wanted], { cwd: ROOT })) await place(path, source);
    for (const path of globSync(BUILT, { cwd: ROOT })) await symlink(join(ROOT, path), join(source, path));
    await symlink(join(ROOT, "node_modules"), join(source, "node_modules"));
    return new Checkout(folder);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Runs the steps of `page`, whose path is `name`. Throws an error that names the block which failed, with the end of the output. */
  async run(name: string, { steps }: Pick<Page, "steps">, limitMs = LIMIT_MS): Promise<void> {
    const base = await mkdtemp(join(this.#folder, "page-"));
    try {
      const work = join(base, "moqmesh");
      for (const folder of ["bin", "home", "moqmesh", "tmp"]) await mkdir(join(base, folder));
      // The first command of a page stores what it compiled for the others.
      const set = `NODE_COMPILE_CACHE="${join(base, "cache")}" MOQMESH_TESTED="${process.env["MOQMESH_TESTED"] ?? ""}"`;
      const program = `#!/bin/sh\n${set} exec "${process.execPath}" "${work}/bin/moqmesh.js" "$@"\n`;
      await writeFile(join(base, "bin/moqmesh"), program, { mode: 0o755 });
      const at = join(base, "at");
      await writeFile(join(base, "script"), script(name, steps, at));
      const { code, output } = await shell(base, join(this.#folder, "source"), limitMs);
      if (code === 0) return;
      const block = (await readFile(at, "utf8")).trim();
      const why = code === undefined ? `has not ended after ${limitMs / 1_000} s` : `ended with exit code ${code}`;
      throw new Error(`${block}: the block that begins there ${why}. The end of the output:\n${output.slice(-TAIL)}`);
    } finally {
      await rm(base, { recursive: true, force: true });
    }
  }
}

async function place(path: string, target: string): Promise<void> {
  const to = join(target, path);
  await mkdir(dirname(to), { recursive: true });
  await cp(join(ROOT, path), to, { verbatimSymlinks: true });
}

/** One script of all steps; before each it notes where the step is. */
function script(name: string, steps: readonly Step[], at: string): string {
  const parts = steps.map((step) => {
    const note = `echo '${name}:${step.line}' > '${at}'\n`;
    if (step.kind === "run") return note + step.text;
    return `${note}mkdir -p "$(dirname '${step.file}')"\ncat > '${step.file}' <<'END OF THE FILE'\n${step.text}END OF THE FILE\n`;
  });
  return `set -e\n${parts.join("\n")}`;
}

/** The exit code, undefined after `limitMs`, and everything that was printed. */
async function shell(
  base: string,
  source: string,
  limitMs: number,
): Promise<{ code: number | undefined; output: string }> {
  const [command = "", ...args] = FOUND ?? [];
  const commands = `${PREPARE}exec bash "$0/script" 2>&1`;
  const child = spawn(command, [...args, "bash", "-c", commands, base, source], {
    env: environment(base),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limitMs);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code: late ? undefined : (code ?? 1), output };
}

/** That of a reader: without what `npm test` and this checkout add. */
function environment(base: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|MOQMESH_|INIT_CWD$|XDG_|TF_)/.test(name));
  const path = [join(base, "bin"), dirname(process.execPath), process.env["PATH"] ?? ""].join(":");
  return { ...Object.fromEntries(kept), PATH: path, HOME: join(base, "home"), TMPDIR: join(base, "tmp") };
}
