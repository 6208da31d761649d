/** Runs a program as a container runtime would run the image of the Dockerfile: its user, its root for reading only, its command. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { DEBIAN_ROOT, MOUNT } from "./booted.ts";

const run = promisify(execFile);

/** User and group `nonroot` of the base image. */
export const NONROOT = 65_532;

const WORDS = z.array(z.string());

/** What the Dockerfile says of a container. */
export interface Image {
  /** `ENTRYPOINT` and `CMD`. */
  readonly command: readonly string[];
  readonly health: readonly string[];
  readonly stopSignal: string;
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  /** Volumes, the only folders that can be written. */
  readonly volumes: readonly string[];
}

/** Reads the last stage of a Dockerfile. Throws where it does not say what a container needs. */
export function readImage(dockerfile: string): Image {
  const lines = dockerfile.replaceAll("\\\n", " ").split("\n");
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM ")));
  if (!stage[0]?.endsWith(":nonroot")) throw new Error("the base of the image has no user nonroot");
  const value = (name: string) => {
    const line = stage.find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`the Dockerfile has no ${name}`);
    return line.slice(name.length).trim();
  };
  const words = (text: string) => WORDS.parse(JSON.parse(text.slice(text.indexOf("["))));
  return {
    command: [...words(value("ENTRYPOINT")), ...words(value("CMD"))],
    health: words(value("HEALTHCHECK")),
    stopSignal: value("STOPSIGNAL"),
    env: value("ENV").split(/\s+/),
    volumes: words(value("VOLUME")),
  };
}

/** After {@link MOUNT}: `$2` and what follows is the command, as the user and without any capability. */
const RUN = `${MOUNT}
for volume in $VOLUMES; do
  mkdir -p ".$volume"
  mount -t tmpfs -o mode=0700,uid=$USER_ID,gid=$USER_ID tmpfs ".$volume"
done
mount -o remount,ro "$0/merged"
pivot_root . mnt
umount -l mnt
shift
exec setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all env -i $VARIABLES "$@"
`;

/** A container that runs. */
export class Container {
  readonly #child: ChildProcess;
  readonly #image: Image;
  readonly #ended: Promise<unknown[]>;
  #output = "";

  private constructor(child: ChildProcess, image: Image) {
    this.#child = child;
    this.#image = image;
    this.#ended = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /** Starts it in `base`, an empty folder. `files` go into its file system, by the path there. */
  static async start(base: string, image: Image, files: ReadonlyMap<string, string>): Promise<Container> {
    for (const [path, from] of files) {
      const to = join(base, "upper", path);
      await mkdir(join(to, ".."), { recursive: true });
      await cp(from, to, { recursive: true });
    }
    const apart = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child"];
    const env = {
      PATH: process.env["PATH"],
      VOLUMES: image.volumes.join(" "),
      VARIABLES: image.env.join(" "),
      USER_ID: String(NONROOT),
    };
    const args = [...apart, "bash", "-c", RUN, base, DEBIAN_ROOT, ...image.command];
    return new Container(spawn("unshare", args, { env, stdio: ["ignore", "pipe", "pipe"] }), image);
  }

  /** Everything that it printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Its exit code, once it has ended. */
  get running(): boolean {
    return this.#child.exitCode === null;
  }

  /** The first process of the container, as this machine numbers it. */
  async process(): Promise<number> {
    const { pid } = this.#child;
    return Number((await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim());
  }

  /** The lines of the kernel on that process. */
  async status(): Promise<string> {
    return await readFile(`/proc/${await this.process()}/status`, "utf8");
  }

  /** Runs a command inside, as its user. Resolves with what it printed; rejects with its exit code as `code`. */
  async run(...command: string[]): Promise<string> {
    const enter = ["--target", String(await this.process()), "--mount", "--net", "--pid", "--root", "--wd"];
    const user = ["setpriv", `--reuid=${NONROOT}`, `--regid=${NONROOT}`, "--clear-groups", "env", "-i"];
    const { stdout } = await run("nsenter", [...enter, ...user, ...this.#image.env, ...command]);
    return stdout;
  }

  /** What the image's health check prints. */
  async health(): Promise<string> {
    return await this.run(...this.#image.health);
  }

  /** Sends the signal of the Dockerfile. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    process.kill(await this.process(), this.#image.stopSignal);
    const [code] = (await this.#ended) as [number | null];
    return code;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
