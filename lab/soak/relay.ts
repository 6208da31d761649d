import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Program } from "../../bench/relays/program.ts";
import { BenchError } from "../../bench/system/error.ts";
import { cpuUs, rssKb } from "../../bench/system/proc.ts";
import { Admin } from "../admin.ts";
import { urlOf } from "../configuration.ts";
import type { Place } from "../topology.ts";
import type { SoakWorkspace } from "./workspace.ts";

/** Milliseconds for an answer of the admin listener: other programs may keep the machine busy. */
const TIMEOUT_MS = 60_000;

/** Flags of Node with which V8 compiles nothing. WebAssembly still works, unlike with `--jitless`. */
const INTERPRETED = ["--no-sparkplug", "--no-maglev", "--no-turbofan"];

export interface SoakRelayOptions {
  readonly name: string;
  /** Absent: in no mesh. */
  readonly place?: Place;
  readonly port: number;
  /** URLs. */
  readonly roots: readonly string[];
  readonly engine: string;
  readonly jit: boolean;
  readonly workspace: SoakWorkspace;
  readonly output: (text: string) => void;
}

/** A relay under soak: a process, and its admin API with the right to act. */
export class SoakRelay {
  readonly name: string;
  readonly port: number;
  readonly admin: Admin;
  readonly #program: Program;
  readonly #base: string;
  readonly #secret: string;

  private constructor(options: SoakRelayOptions, program: Program, admin: number, secret: string) {
    this.name = options.name;
    this.port = options.port;
    this.#program = program;
    this.#base = `http://127.0.0.1:${admin}`;
    this.#secret = secret;
    this.admin = new Admin(admin, TIMEOUT_MS);
  }

  /** Rejects with a {@link BenchError} when it is not ready in time. */
  static async start(options: SoakRelayOptions): Promise<SoakRelay> {
    const { name, jit, workspace, output } = options;
    const state = join(workspace.mesh.folder, name);
    await mkdir(state);
    const file = join(workspace.mesh.folder, `${name}.toml`);
    await writeFile(file, configuration(options, state));
    const program = new Program({ name, file, cores: undefined, nodeFlags: jit ? [] : INTERPRETED, output });
    const { admin } = await program.ready();
    if (admin === undefined) throw new BenchError(`${name} has no admin listener`);
    return new SoakRelay(options, program, admin, (await readFile(join(state, "admin.token"), "utf8")).trim());
  }

  get pid(): number {
    return this.#program.child.pid;
  }

  /** Rejects when it ends by itself. */
  get ended(): Promise<never> {
    return this.#program.child.ended;
  }

  /** Resident memory in bytes. */
  get rss(): number {
    return rssKb(this.pid) * 1_024;
  }

  /** CPU time of all threads, in microseconds. */
  get cpuUs(): number {
    return cpuUs(this.pid);
  }

  /** SIGHUP. */
  reload(): void {
    this.#program.child.signal("SIGHUP");
  }

  /** An answer of the admin API: its status, and its body where that is JSON. */
  async api(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.#base}/api/v1${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.#secret}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, body: await response.json() };
  }

  async stop(): Promise<void> {
    await this.#program.child.stop();
  }
}

function configuration({ place, port, roots, engine, workspace }: SoakRelayOptions, state: string): string {
  const text = JSON.stringify;
  const { mesh, fingerprints } = workspace;
  const cluster = `
[cluster]
node = ${text(place?.name)}
role = ${text(place?.role)}
region = ${text(place?.region)}
url = ${text(urlOf(port))}
root = ${text(roots)}
key_file = ${text(mesh.clusterKey)}
fingerprints = ${text(fingerprints)}`;
  return `
[server]
host = "127.0.0.1"
port = ${port}
engine = ${text(engine)}
[tls]
cert = ${text(mesh.cert)}
key = ${text(mesh.key)}
state_dir = ${text(state)}
[auth]
key_dir = ${text(mesh.keys)}
[http]
admin_port = 0
snapshot_dir = ${text(join(state, "heap"))}
[limits]
unused_timeout = "10s"
[log]
format = "json"
${place === undefined ? "" : cluster}
`;
}
