/** `npm run bench`: measures relays. */
import { fanout } from "./fanout/fanout.ts";
import { ratioOf } from "./fanout/figures.ts";
import { UsageError } from "./flags.ts";
import { flood } from "./flood/flood.ts";
import { floodHelp, parseFlood } from "./flood/options.ts";
import { floodJson, floodText } from "./flood/report.ts";
import { hops } from "./hops/hops.ts";
import { hopsHelp, parseHops } from "./hops/options.ts";
import { hopsJson, hopsText } from "./hops/report.ts";
import { ingest } from "./ingest/ingest.ts";
import { ingestHelp, parseIngest } from "./ingest/options.ts";
import { ingestJson, ingestText } from "./ingest/report.ts";
import { type FanoutOptions, fanoutHelp, parseFanout } from "./options.ts";
import { parseRegistry, registryHelp } from "./registry/options.ts";
import { registryFigures } from "./registry/registry.ts";
import { registryJson, registryText } from "./registry/report.ts";
import { jsonReport } from "./report/json.ts";
import { Progress } from "./report/progress.ts";
import { table } from "./report/table.ts";
import { parseScrape, scrapeHelp } from "./scrape/options.ts";
import { scrapeJson, scrapeText } from "./scrape/report.ts";
import { scrapeFigures } from "./scrape/scrape.ts";
import { parseStorm, stormHelp } from "./storm/options.ts";
import { stormJson, stormText } from "./storm/report.ts";
import { storms } from "./storm/storm.ts";
import { interruptAll } from "./system/child.ts";
import { BenchError } from "./system/error.ts";
import { findPin, type Pinning, pinSelf } from "./system/pin.ts";

const EXIT = { ok: 0, failed: 1, usage: 2, void: 3 } as const;

/** The exit code after a signal: 128 plus its number, as shells report it. */
const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143 } as const;

let interrupted: number | undefined;

interface Command {
  readonly help: () => string;
  readonly run: (args: readonly string[]) => Promise<number>;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["fanout", { help: fanoutHelp, run: runFanout }],
  ["mesh", { help: hopsHelp, run: runHops }],
  ["flood", { help: floodHelp, run: runFlood }],
  ["storm", { help: stormHelp, run: runStorm }],
  ["registry", { help: registryHelp, run: runRegistry }],
  ["ingest", { help: ingestHelp, run: runIngest }],
  ["scrape", { help: scrapeHelp, run: runScrape }],
]);

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    process.stdout.write([...COMMANDS.values()].map(({ help }) => help()).join("\n"));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.get(name);
  if (command === undefined)
    throw new UsageError(`"${name}" is unknown; use one of ${[...COMMANDS.keys()].join(", ")}`);
  return await command.run(rest);
}

/** Prints the help if asked to, otherwise measures. */
async function parsed<O>(options: O | "help", help: () => string, measure: (options: O) => Promise<number>) {
  if (options !== "help") {
    if (process.platform !== "linux") throw new BenchError("the bench needs Linux: it reads CPU and memory from /proc");
    return await measure(options);
  }
  process.stdout.write(help());
  return EXIT.ok;
}

async function runFanout(args: readonly string[]): Promise<number> {
  return await parsed(parseFanout(args), fanoutHelp, run);
}

async function runHops(args: readonly string[]): Promise<number> {
  return await parsed(parseHops(args), hopsHelp, async (options) => {
    const found = await hops(options, new Progress(process.stderr, options.json));
    process.stdout.write(`${options.json ? JSON.stringify(hopsJson(options, found)) : hopsText(options, found)}\n`);
    // On a bad network frames may be lost: that is what is measured.
    return options.path === undefined && found.tiers.some(({ lost }) => lost > 0) ? EXIT.void : EXIT.ok;
  });
}

async function runFlood(args: readonly string[]): Promise<number> {
  return await parsed(parseFlood(args), floodHelp, async (options) => {
    const found = await flood(options, new Progress(process.stderr, options.json));
    process.stdout.write(`${options.json ? JSON.stringify(floodJson(options, found)) : floodText(options, found)}\n`);
    return EXIT.ok;
  });
}

async function runStorm(args: readonly string[]): Promise<number> {
  return await parsed(parseStorm(args), stormHelp, async (options) => {
    const progress = new Progress(process.stderr, options.json);
    const found = await storms(options, await pin({ relay: [0], load: [1] }), progress);
    process.stdout.write(`${options.json ? JSON.stringify(stormJson(options, found)) : stormText(options, found)}\n`);
    return found.some(({ missed }) => missed.length > 0) ? EXIT.void : EXIT.ok;
  });
}

async function runRegistry(args: readonly string[]): Promise<number> {
  return await parsed(parseRegistry(args), registryHelp, async (options) => {
    const found = await registryFigures(options);
    const text = options.json ? JSON.stringify(registryJson(options, found)) : registryText(options, found);
    process.stdout.write(`${text}\n`);
    return EXIT.ok;
  });
}

async function runScrape(args: readonly string[]): Promise<number> {
  return await parsed(parseScrape(args), scrapeHelp, async (options) => {
    const found = await scrapeFigures(options);
    process.stdout.write(`${options.json ? JSON.stringify(scrapeJson(found)) : scrapeText(found)}\n`);
    return EXIT.ok;
  });
}

async function runIngest(args: readonly string[]): Promise<number> {
  return await parsed(parseIngest(args), ingestHelp, async (options) => {
    const found = await ingest(options);
    const text = options.json ? JSON.stringify(ingestJson(options, found)) : ingestText(options, found);
    process.stdout.write(`${text}\n`);
    return EXIT.ok;
  });
}

async function run(options: FanoutOptions): Promise<number> {
  const progress = new Progress(process.stderr, options.json);
  const pinning = await pin(options.pinning);
  const { ours, theirs } = await fanout(options, pinning, progress);
  const ratio = theirs === undefined ? undefined : ratioOf(ours.figures, theirs.figures);
  const text = options.json
    ? JSON.stringify(jsonReport(options, ours, theirs, ratio))
    : table(options, ours, theirs, ratio);
  process.stdout.write(`${text}\n`);
  const isVoid = [ours, theirs].some((each) => (each?.figures.voidReasons.length ?? 0) > 0);
  return isVoid ? EXIT.void : EXIT.ok;
}

/** Chooses the cores of relay and load; prints a line if the processes cannot be pinned. */
async function pin(wanted: Pinning | undefined): Promise<Pinning | undefined> {
  if (wanted === undefined) return undefined;
  const found = await findPin(wanted);
  if (found.pinning === undefined) process.stderr.write(`bench: not pinned to cores: ${found.why}\n`);
  else await pinSelf(found.pinning.load);
  return found.pinning;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = SIGNAL_EXITS[signal];
    if (!interruptAll()) process.exit(interrupted);
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (interrupted !== undefined) {
    process.stderr.write("\nbench: interrupted\n");
    process.exitCode = interrupted;
  } else if (error instanceof UsageError) {
    process.stderr.write(`bench: ${error.message}\nSee npm run bench -- --help\n`);
    process.exitCode = EXIT.usage;
  } else if (error instanceof BenchError) {
    process.stderr.write(`\nbench: ${error.message}\n`);
    process.exitCode = EXIT.failed;
  } else throw error;
}
