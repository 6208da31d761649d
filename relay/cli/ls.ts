import type { Client } from "../client.ts";
import type { Command, Invocation } from "./command.ts";
import { DIAL_OPTIONS, type Target, targetOf, URL_ARGUMENT, withClient } from "./dial.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { onSignals } from "./signals.ts";

export const lsCommand: Command = {
  name: "ls",
  summary: "List the broadcasts that are live at a relay.",
  description: ["Prints the path of each live broadcast under PREFIX, one a line, sorted."],
  positionals: [
    URL_ARGUMENT,
    { name: "PREFIX", required: false, description: "Show only paths under it; whole segments, such as live/room1." },
  ],
  options: [
    { name: "follow", description: "Stay, and print changes: + for a broadcast that came, - for one that went." },
    { name: "json", description: "Print one JSON object; with --follow, one for each change." },
    ...DIAL_OPTIONS,
  ],
  takesConfig: false,
  examples: ["ls http://localhost:4443/", "ls https://relay.example/ live --follow --json"],
  run,
};

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const target = targetOf(invocation);
  const prefix = invocation.positionals[1] ?? "";
  const json = invocation.switches.has("json");
  return withClient(target, prefix, (client) =>
    invocation.switches.has("follow") ? follow(client, prefix, json, io) : once(client, prefix, json, target, io),
  );
}

async function once(client: Client, prefix: string, json: boolean, target: Target, io: Io): Promise<ExitCode> {
  const live = new Set<string>();
  const watching = client.announced(prefix, ({ path, active }) => {
    if (active) live.add(path);
    else live.delete(path);
  });
  await watching.ready;
  watching.close();
  const paths = [...live].sort();
  if (json) {
    const { protocol } = client;
    io.out.write(`${JSON.stringify({ url: target.url.origin, protocol, prefix, broadcasts: paths }, null, 2)}\n`);
  } else {
    io.out.write(paths.map((path) => `${path}\n`).join(""));
    if (paths.length === 0) io.err.write(`Nothing is live${prefix === "" ? "" : ` under ${prefix}`}.\n`);
  }
  return EXIT.ok;
}

/** Until a signal, or until the relay goes away. */
async function follow(client: Client, prefix: string, json: boolean, io: Io): Promise<ExitCode> {
  const ended = Promise.withResolvers<ExitCode>();
  const watching = client.announced(prefix, ({ path, active }) => {
    io.out.write(json ? `${JSON.stringify({ path, active })}\n` : `${active ? "+" : "-"} ${path}\n`);
  });
  const stop = () => ended.resolve(EXIT.ok);
  const stopListening = onSignals({ terminal: true, end: stop, endNow: stop, reload: stop });
  client.closed.then((why) => {
    io.err.write(`moqmesh: the relay has ended the session${why === "" ? "" : `: ${why}`}\n`);
    ended.resolve(EXIT.failed);
  }, ended.reject);
  try {
    await watching.ready;
    return await ended.promise;
  } finally {
    stopListening();
    watching.close();
  }
}
