/** A Debian machine with systemd, in namespaces of its own: it boots, runs commands as root, and is gone. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmdirSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { patient } from "../../../scripts/suite/patience.ts";
import type { Step } from "./page.ts";

/** Milliseconds in which a machine boots, runs its commands and ends. */
const LIMIT_MS = patient(180_000);

/** Characters of the output that a failure shows. */
const TAIL = 6_000;

const CACHE =
  process.env["MOQMESH_TOOLS"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "moqmesh", "tools");

/** What `.ci/tools debian-root` makes: Debian's packages of priority required, and systemd. */
export const DEBIAN_ROOT = join(CACHE, "debian-root");

const CONTROL_GROUPS = controlGroups();

/** Where control groups of version 2 are mounted: the fifth field of a line of the kernel's list, whose type is behind ` - `. */
function controlGroups(): string | undefined {
  try {
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    return lines.find((line) => line.includes(" - cgroup2 "))?.split(" ")[4];
  } catch {
    return undefined;
  }
}

/** Everything that the machine has for itself. */
const APART = ["--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"];

/**
 * Why there can be no machine here; false where there can.
 * @throws Error instead, for root, when `MOQMESH_REQUIRE_TOOLS=1` says that the file system of Debian has to be there.
 */
export const missingMachine: string | false = reason();

function reason(): string | false {
  if (process.getuid?.() !== 0) return "only root can start a machine in namespaces";
  if (CONTROL_GROUPS === undefined) return "systemd needs control groups of version 2";
  if (spawnSync("unshare", [...APART, "true"]).status !== 0) return "unshare makes no namespaces here";
  if (existsSync(join(DEBIAN_ROOT, "lib/systemd/systemd"))) return false;
  const text = "there is no file system of Debian: .ci/tools debian-root makes it";
  if (process.env["MOQMESH_REQUIRE_TOOLS"] === "1") throw new Error(text);
  return text;
}

/**
 * Mounts a copy of the file system at `$0/merged` and gives the new root the folders of a running one. What the machine writes is in `$0/upper`.
 * `$1` is the file system. Of the kernel's settings the machine changes those of its own network alone, as the others are not its own.
 */
export const MOUNT = `set -e
ip link set lo up
mount --make-rprivate /
mkdir -p "$0/upper" "$0/work" "$0/merged"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" "$0/merged"
cd "$0/merged"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount --bind /proc/sys/net proc/sys/net
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
`;

/** The first process is systemd, which runs one unit and ends. */
const BOOT = `${MOUNT}
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
pivot_root . mnt
umount -l mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd --unit=commands.service
`;

/** \`default.target\` has what a machine starts by itself. */
const UNIT = `[Unit]
Description=The commands of a test
Wants=multi-user.target
After=basic.target systemd-journald.service dbus.service

[Service]
Type=oneshot
Environment=HOME=/root
WorkingDirectory=/root
ExecStart=-/bin/bash -c "bash /root/script > /root/output 2>&1; echo $? > /root/code"
ExecStopPost=/bin/systemctl --force --force poweroff
`;

export interface MachineRun {
  /** Everything that the commands printed. */
  readonly output: string;
  readonly seconds: number;
  /** The text of a file in the folder of root. */
  read(name: string): Promise<string>;
}

/**
 * Boots a machine, gives it `files` in the folder of root, and runs the steps of a page there. Rejects with the line of the step that failed
 * and the end of the output. `use` is called before the machine's files are removed.
 */
export async function runOnMachine<T>(
  page: string,
  steps: readonly Step[],
  files: readonly string[],
  use: (run: MachineRun) => Promise<T>,
): Promise<T> {
  const base = await mkdtemp(join(tmpdir(), "moqmesh-booted-"));
  try {
    const home = join(base, "upper", "root");
    await mkdir(home, { recursive: true });
    for (const file of files) await copyFile(file, join(home, basename(file)));
    await writeFile(join(home, "script"), script(steps));
    const units = join(base, "upper", "etc/systemd/system");
    await mkdir(units, { recursive: true });
    await writeFile(join(units, "commands.service"), UNIT);
    // Installers of Debian write it, and debootstrap does not.
    await writeFile(join(base, "upper", "etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n");
    const began = performance.now();
    const console = await boot(base);
    const seconds = (performance.now() - began) / 1_000;
    const read = (name: string) => readFile(join(home, name), "utf8");
    const output = await read("output").catch(() => console);
    const code = (await read("code").catch(() => "")).trim();
    if (code !== "0") {
      const line = (await read("line").catch(() => "")).trim();
      throw new Error(
        `${page}:${line}: the block that begins there ended with exit code ${code || "none"}. The end of the output:\n${output.slice(-TAIL)}`,
      );
    }
    return await use({ output, seconds, read });
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

/** One script of all steps; before each it notes its line. */
function script(steps: readonly Step[]): string {
  const parts = steps.map((step) => {
    const note = `echo ${step.line} > /root/line\n`;
    if (step.kind === "run") return note + step.text;
    return `${note}cat > '${step.file}' <<'END OF THE FILE'\n${step.text}END OF THE FILE\n`;
  });
  return `set -e\n${parts.join("\n")}`;
}

/** What the machine prints outside of the commands: mostly nothing. */
async function boot(base: string): Promise<string> {
  const group = join(CONTROL_GROUPS ?? "", basename(base));
  await mkdir(group);
  const command = `echo $$ > "$2/cgroup.procs"; exec unshare ${APART.join(" ")} bash -c "$3" "$0" "$1"`;
  try {
    const child = spawn("bash", ["-c", command, base, DEBIAN_ROOT, group, BOOT], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    await once(child, "close");
    clearTimeout(timer);
    return printed;
  } finally {
    await removeGroup(group);
  }
}

/** Control groups are removed one by one, the inner ones first. */
async function removeGroup(group: string): Promise<void> {
  for (const entry of await readdir(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  }
  try {
    rmdirSync(group);
  } catch {
    // A process of it has not ended yet; an empty group costs nothing.
  }
}
