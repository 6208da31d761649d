/** Makes the vectors of moq-transport with an independent codec: `npm run oracle`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { readArguments, wrongCommandLine } from "./flags.ts";
import { vectorFiles } from "./oracle/files.ts";
import { askOracle, buildOracle } from "./oracle/program.ts";

const HELP = `Usage: npm run oracle -- build | vectors

The oracle is the crate moqtap-codec with a program around it, in test/interop/oracle. It is another codec than moq/wire/ietf.

  build    Builds it with cargo, from the registry. The tests in test/wire/ietf-oracle.test.ts then let it read what we write.
  vectors  Builds it, and writes test/wire/vectors.

Exit codes: 0 done, 1 it failed, 2 wrong command line.`;

const { positionals } = readArguments(HELP, {});
const [command] = positionals;
if (positionals.length !== 1 || (command !== "build" && command !== "vectors")) {
  wrongCommandLine("give one command: build or vectors", HELP);
}
try {
  buildOracle();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
if (command === "vectors") {
  for (const [path, text] of vectorFiles(askOracle("vectors"))) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${path}`);
  }
}
