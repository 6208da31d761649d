import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { Child } from "../system/child.ts";
import { BenchError } from "../system/error.ts";
import { makeWorkspace } from "./certificate.ts";
import type { RunningRelay, Subject } from "./contract.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/moqmesh.js", import.meta.url));

/** Milliseconds until it must be ready. */
const START_MS = 15_000;

/** The line of the log that tells where it listens. */
const READY = z.object({ msg: z.literal("relay ready"), port: z.number(), engine: z.string() });

/** What of its configuration is not the default. */
interface Settings {
  readonly engine: string;
  readonly threads: number | undefined;
}

/** This project's relay, as a user starts it, with its default limits. */
export function moqmesh(settings: Settings): Subject {
  return { name: "moqmesh", start: (cores) => start(settings, cores) };
}

async function start(settings: Settings, cores: readonly number[] | undefined): Promise<RunningRelay> {
  const workspace = await makeWorkspace();
  const file = join(workspace.folder, "relay.toml");
  await writeFile(file, configuration(settings, workspace));
  const ready = Promise.withResolvers<z.infer<typeof READY>>();
  const child = new Child({
    name: "moqmesh",
    command: [process.execPath, PROGRAM, "serve", file],
    cores,
    channel: false,
    env: bareEnvironment(),
    line: (line) => {
      const parsed = READY.safeParse(jsonOf(line));
      if (parsed.success) ready.resolve(parsed.data);
    },
  });
  const stop = async () => {
    await child.stop();
    await workspace.remove();
  };
  const timer = setTimeout(() => ready.reject(new BenchError("moqmesh does not get ready")), START_MS);
  try {
    const { port, engine: chosen } = await Promise.race([ready.promise, child.ended]);
    return {
      url: new URL(`https://127.0.0.1:${port}/`),
      trust: workspace.trust,
      pid: child.pid,
      engine: chosen,
      ended: child.ended,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function configuration({ engine, threads }: Settings, { cert, key }: { cert: string; key: string }): string {
  const text = JSON.stringify;
  return `
[server]
host = "127.0.0.1"
port = 0
engine = ${text(engine)}
${threads === undefined ? "" : `threads = ${threads}`}
[tls]
cert = ${text(cert)}
key = ${text(key)}
[http]
admin = false
[log]
format = "json"
`;
}

/** Without settings of the caller, so that what is measured is what the file says. */
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
