/** A relay whose event loop a line on standard input blocks for that number of milliseconds. */
import { execFileSync } from "node:child_process";
import { main } from "../../cli/main.ts";

function spinInThisFunction(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

process.stdin.setEncoding("utf8").on("data", (line: string) => {
  const [how, ms] = line.trim().split(" ");
  if (how === "spin") spinInThisFunction(Number(ms));
  else execFileSync("sleep", [String(Number(ms) / 1_000)]);
});

process.exitCode = await main(["serve", ...process.argv.slice(2)]);
process.stdin.destroy();
