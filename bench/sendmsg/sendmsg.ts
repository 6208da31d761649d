import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";
import { findProgram } from "../system/find.ts";
import { type Pinning, pinned } from "../system/pin.ts";

const SOURCE = fileURLToPath(new URL("sendmsg.rs", import.meta.url));

/** Length of one measurement, in seconds: some 10,000 calls. */
const SECONDS = 0.5;

/** Milliseconds within which the receiver must have its port. */
const START_MS = 10_000;

const run = promisify(execFile);

/** The program that measures what sendmsg(2) costs without QUIC. */
export class Sendmsg {
  readonly #folder: string;
  readonly #program: string;

  /** Compiles it. Undefined where there is no Rust compiler (`rustc`); rejects with a {@link BenchError} when that fails. */
  static async make(): Promise<Sendmsg | undefined> {
    const compiler = await findProgram("rustc", "RUSTC");
    if (compiler === undefined) return undefined;
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-sendmsg-"));
    const program = join(folder, "sendmsg");
    try {
      await run(compiler, ["-O", "--edition", "2024", "-o", program, SOURCE]);
      return new Sendmsg(folder, program);
    } catch (cause) {
      await rm(folder, { recursive: true, force: true });
      throw new BenchError(`${compiler} cannot compile ${SOURCE}: ${String(cause)}`, { cause });
    }
  }

  private constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#program = program;
  }

  /**
   * CPU microseconds that sending a frame of `bytes` takes on the relay's cores, to a receiver on the load's cores. Rejects with a
   * {@link BenchError} when it cannot be measured.
   */
  async perFrameUs(bytes: number, pinning: Pinning | undefined): Promise<number> {
    const port = Promise.withResolvers<string>();
    const name = "the receiver of sendmsg";
    const command = [this.#program, "receive"];
    const receiver = new Child({ name, command, cores: pinning?.load, channel: false, line: port.resolve });
    const timer = setTimeout(() => port.reject(new BenchError(`${name} does not start`)), START_MS);
    try {
      const target = `127.0.0.1:${await Promise.race([port.promise, receiver.ended])}`;
      const [file, args] = pinned(pinning?.relay, [this.#program, "send", target, String(bytes), String(SECONDS)]);
      const { stdout } = await run(file, args);
      return Number(stdout);
    } catch (cause) {
      throw cause instanceof BenchError ? cause : new BenchError(`sendmsg fails: ${String(cause)}`, { cause });
    } finally {
      clearTimeout(timer);
      await receiver.stop();
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
