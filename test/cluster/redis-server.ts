/** Debian's redis-server, started by a test and ended by its pid. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../lab/ports.ts";

const START_MS = 10_000;

/** Why it cannot be tested here; false when it can. Throws where it has to. */
export function withoutRedis(): string | false {
  try {
    execFileSync("redis-server", ["--version"]);
    return false;
  } catch {
    if (process.env["MOQMESH_REQUIRE_REDIS"] === "1") throw new Error("redis-server is missing");
    return "redis-server is not installed: apt-get install redis-server";
  }
}

export class RedisServer {
  /** So odd that nothing else that is printed has it. */
  readonly password = "s3cret-q7w";
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(): Promise<RedisServer> {
    const [port = 0] = await freePorts(1);
    const server = new RedisServer(port, await mkdtemp(join(tmpdir(), "moqmesh-redis-")));
    await server.run();
    return server;
  }

  /** On the same port, with nothing in it. */
  async run(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--dir", this.#folder];
    this.#process = spawn("redis-server", [...options, "--requirepass", this.password], { stdio: "ignore" });
    for (let left = START_MS; ; left -= 20) {
      const socket = connect(this.port, "127.0.0.1");
      const up = await new Promise((resolve) => {
        socket.once("connect", () => resolve(true));
        socket.once("error", () => resolve(false));
      });
      socket.destroy();
      if (up === true) return;
      if (left <= 0) throw new Error("redis-server does not start");
      await sleep(20);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const over = once(running, "exit");
    running.kill("SIGCONT");
    running.kill("SIGKILL");
    await over;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
