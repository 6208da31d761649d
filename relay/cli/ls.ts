import { setTimeout } from "node:timers/promises";
import type { Reason } from "../../moq/reason.ts";
import type { Client } from "../client/index.ts";
import { type Command, CommandError, type Invocation } from "./command.ts";
import { withClient } from "./dial.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { exitFor } from "./explain.ts";
import type { Io } from "./io.ts";
import { onSignals } from "./signals.ts";
import { DIAL_OPTIONS, type Target, targetOf, URL_ARGUMENT } from "./target.ts";

export const lsCommand: Command = {
  name: "ls",
  summary: "List the broadcasts that are live at a relay.",
  description: [
    "Prints the path of each live broadcast under PREFIX, one a line, sorted. A list that the relay cuts, such as at its bound of announcements for each session, is printed as far as it came, with the reason on standard error and exit code 7.",
  ],
  positionals: [
    URL_ARGUMENT,
    { name: "PREFIX", required: false, description: "Show only paths under it; whole segments, such as live/room1." },
  ],
  options: [
    { name: "follow", description: "Stay, and print changes: + for a broadcast that came, - for one that went." },
    {
      name: "json",
      description:
        'Print one JSON object, whose "complete" is false for a part, and null where the protocol cannot say; with --follow, one for each change.',
    },
    ...DIAL_OPTIONS,
  ],
  takesConfig: false,
  examples: ["ls http://localhost:4443/", "ls https://relay.example/ live --follow --json"],
  run,
};

/** Milliseconds for a relay that answered before it had heard from its mesh: a few round trips between relays. */
const MESH_WAIT_MS = 2_000;

const UNHEARD = "The relay has not heard from its whole mesh yet: there may be more.";

async function run(invocation: Invocation, io: Io): Promise<ExitCode> {
  const target = targetOf(invocation, io);
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
  let cut: Reason | undefined;
  void watching.cut.then((reason) => {
    cut = reason;
  });
  const all = await watching.ready;
  // A relay that has not heard from its mesh may do so a moment later.
  if (all === false && cut === undefined) await setTimeout(Math.min(MESH_WAIT_MS, target.timeoutMs));
  watching.close();
  const complete = cut === undefined ? (all ?? null) : false;
  const paths = [...live].sort();
  // Nothing is a part of everything, but a client that may watch nothing should hear why it sees nothing.
  if (paths.length === 0) await refuseBlind(target);
  if (json) {
    const { protocol } = client;
    const answer = { url: target.url.origin, protocol, prefix, complete, broadcasts: paths };
    io.out.write(`${JSON.stringify(answer, null, 2)}\n`);
  } else {
    io.out.write(paths.map((path) => `${path}\n`).join(""));
  }
  if (cut !== undefined) throw new CommandError(cutText(cut), EXIT.partial);
  if (json) return EXIT.ok;
  if (complete === false) io.err.write(`${UNHEARD}\n`);
  if (paths.length === 0) io.err.write(`Nothing is live${prefix === "" ? "" : ` under ${prefix}`}.\n`);
  return EXIT.ok;
}

/** Throws {@link CommandError} when the relay says that this client may watch nothing. */
async function refuseBlind({ url, trust }: Target): Promise<void> {
  const { askAccess } = await import("../client/index.ts");
  const verdict = await askAccess(url, trust);
  if (verdict?.allowed !== true || verdict.subscribe.length > 0) return;
  const what = url.searchParams.has("jwt")
    ? "the token grants nothing to watch here"
    : "nothing may be watched here without a token";
  throw new CommandError(
    `${url.host} shows nothing: ${what}\n\`moqmesh token inspect\` shows what a token grants (get)`,
    EXIT.refused,
  );
}

function cutText(reason: Reason): string {
  const why =
    reason === "limit"
      ? "the relay announces no more to one session ([limits] announcements_per_session)"
      : `the relay ended it (${reason})`;
  return `the list is cut: ${why}\nask for a part of it: moqmesh ls URL PREFIX`;
}

/** Until a signal, or until the relay ends the session or the list. */
async function follow(client: Client, prefix: string, json: boolean, io: Io): Promise<ExitCode> {
  const ended = Promise.withResolvers<ExitCode>();
  const watching = client.announced(prefix, ({ path, active }) => {
    io.out.write(json ? `${JSON.stringify({ path, active })}\n` : `${active ? "+" : "-"} ${path}\n`);
  });
  const stop = () => ended.resolve(EXIT.interrupted);
  const stopListening = onSignals({ terminal: true, end: stop, endNow: stop, reload: stop });
  void watching.cut.then((reason) => ended.reject(new CommandError(cutText(reason), EXIT.partial)));
  void client.closed.then(({ reason, message }) => {
    const text = `the relay has ended the session${message === "" ? "" : `: ${message}`}`;
    ended.reject(new CommandError(text, exitFor(reason)));
  });
  try {
    return await Promise.race([ended.promise, watching.ready.then(() => ended.promise)]);
  } finally {
    stopListening();
    watching.close();
  }
}
