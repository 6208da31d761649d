/** Clients come and go for an hour, and memory has to stay flat: `npm run soak`. */
import { readOptions, runChurn, runStreams } from "../lab/soak/index.ts";

const options = readOptions();
if (options.kind === "streams") {
  if (!(await runStreams(options.streams, options.engine))) process.exitCode = 1;
} else {
  const print = (line: string) => console.log(line);
  const faults = await runChurn(options, print);
  for (const fault of faults) console.error(fault);
  console.log(faults.length === 0 ? "memory stayed flat and all tables are empty" : `${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}
