/** `npm run mesh`: a whole mesh on this machine, to watch it or to run drills on it. */
import { UsageError } from "../bench/flags.ts";
import { BenchError } from "../bench/system/error.ts";
import { runDrill } from "./drills/run.ts";
import { drillText } from "./drills/text.ts";
import { stopAll } from "./mesh.ts";
import { type MeshCommand, meshHelp, parseMesh } from "./options.ts";
import { show } from "./screen/show.ts";

const EXIT = { ok: 0, failed: 1, usage: 2, wrong: 3 } as const;

/** The exit code after a signal: 128 plus its number, as shells report it. */
const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143 } as const;

let interrupted: number | undefined;

async function main(args: readonly string[]): Promise<number> {
  const command = parseMesh(args);
  if (command === "help") {
    process.stdout.write(meshHelp());
    return EXIT.ok;
  }
  if (process.platform !== "linux")
    throw new BenchError("the mesh demo needs Linux: it watches its processes through /proc");
  if (command.drill !== undefined) return await drill(command, command.drill);
  const { shape, engine, logs, broadcasting, alerts } = command;
  await show({ shape, engine, ...(logs !== undefined && { logs }) }, broadcasting, alerts);
  return EXIT.ok;
}

async function drill(command: MeshCommand, drill: NonNullable<MeshCommand["drill"]>): Promise<number> {
  const started = performance.now();
  const say = (what: string) => {
    if (command.json && !process.stderr.isTTY) return;
    process.stderr.write(`${((performance.now() - started) / 1_000).toFixed(1).padStart(6)}  ${what}\n`);
  };
  const { logs, from, ...rest } = command;
  const given = { ...(logs !== undefined && { logs }), ...(from !== undefined && { from }) };
  const report = await runDrill(drill, { ...rest, ...given }, say);
  process.stdout.write(`${command.json ? JSON.stringify(report) : drillText(report)}\n`);
  return report.ok ? EXIT.ok : EXIT.wrong;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interrupted !== undefined) return;
    const code = SIGNAL_EXITS[signal];
    interrupted = code;
    process.stderr.write("mesh: interrupted\n");
    void stopAll().finally(() => process.exit(code));
  });
}

// When the reader of the output leaves early, as `head` does, everything ends.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.kill(process.pid, "SIGTERM");
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (interrupted !== undefined) {
    // This failed only because everything is being ended.
    process.exitCode = interrupted;
  } else if (error instanceof UsageError) {
    process.stderr.write(`mesh: ${error.message}\nSee npm run mesh -- --help\n`);
    process.exitCode = EXIT.usage;
  } else if (error instanceof BenchError) {
    process.stderr.write(`\nmesh: ${error.message}\n`);
    process.exitCode = EXIT.failed;
  } else throw error;
}
