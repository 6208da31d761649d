import { fileURLToPath } from "node:url";
import * as z from "zod";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";

/** The program of this checkout. */
export const PROGRAM = fileURLToPath(new URL("../../bin/moqmesh.js", import.meta.url));

/** Milliseconds within which it must be ready: eight relays that start at once on two busy cores take twenty seconds. */
const START_MS = 60_000;

/** The log line that has its ports. A relay of a mesh is ready later, when it has reached a root. */
const READY = z.object({
  msg: z.enum(["relay ready", "listening"]),
  port: z.number(),
  /** Absent: no admin listener. */
  admin: z.number().optional(),
  engine: z.string(),
});

export type Ready = z.infer<typeof READY>;

export interface ProgramOptions {
  readonly name: string;
  /** The configuration file; it must set JSON logs of level `info`. */
  readonly file: string;
  readonly cores: readonly number[] | undefined;
  /** Path of `bin/moqmesh.js`; default: that of this checkout. */
  readonly program?: string;
  /** Flags of Node. */
  readonly nodeFlags?: readonly string[];
  /** Variables besides those of this process that do not configure a relay. */
  readonly env?: Readonly<Record<string, string>>;
  /** Everything that it prints, in pieces. */
  readonly output?: (text: string) => void;
}

/** `moqmesh serve`, as a user starts it. */
export class Program {
  readonly child: Child;
  readonly #ready = Promise.withResolvers<Ready>();

  constructor({ name, file, cores, program = PROGRAM, nodeFlags = [], env = {}, output }: ProgramOptions) {
    this.child = new Child({
      name,
      command: [process.execPath, ...nodeFlags, program, "serve", file],
      cores,
      channel: false,
      env: { ...bareEnvironment(), ...env },
      line: (line) => {
        const parsed = READY.safeParse(jsonOf(line));
        if (parsed.success) this.#ready.resolve(parsed.data);
      },
      ...(output && { output }),
    });
  }

  /** Resolves when it accepts sessions. Rejects with a {@link BenchError} when it ends or takes too long. */
  async ready(): Promise<Ready> {
    const late = Promise.withResolvers<never>();
    const why = `${this.child.name} was not ready within ${START_MS / 1_000} s; other programs may be using this machine`;
    const timer = setTimeout(() => late.reject(new BenchError(why)), START_MS);
    try {
      return await Promise.race([this.#ready.promise, late.promise, this.child.ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The environment without MOQMESH variables, so that only the file configures the relay. */
function bareEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MOQMESH_")));
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
