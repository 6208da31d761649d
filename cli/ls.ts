import { setTimeout } from "node:timers/promises";
import { printable, printableJson } from "../moq/printable.ts";
import type { Reason } from "../moq/reason.ts";
import type { Client } from "../relay/client/index.ts";
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
    "Prints the path of each live broadcast under PREFIX, one per line, sorted. When the relay ends the list early, for example at its bound on announcements per session, the part that arrived is printed, the reason is on standard error, and the exit code is 7.",
  ],
  positionals: [
    URL_ARGUMENT,
    {
      name: "PREFIX",
      required: false,
      description: "Show only paths under it, by whole segments, such as live/room1.",
    },
  ],
  options: [
    {
      name: "follow",
      description: "Keep running and print changes: + for a broadcast that starts, - for one that ends.",
    },
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

/** Milliseconds to wait for a relay that answered before its mesh had answered it: a few round trips between relays. */
const MESH_WAIT_MS = 2_000;

const UNHEARD = "The relay has no complete answer from its mesh yet: the list may be incomplete.";

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
  // The answer of its mesh may reach the relay a moment later.
  if (all === false && cut === undefined) await setTimeout(Math.min(MESH_WAIT_MS, target.timeoutMs));
  watching.close();
  const complete = cut === undefined ? (all ?? null) : false;
  const paths = [...live].sort();
  // An empty list is correct, but a client that may watch nothing should see why it is empty.
  if (paths.length === 0) await refuseBlind(target);
  if (json) {
    const { protocol } = client;
    const answer = { url: target.url.origin, protocol, prefix, complete, broadcasts: paths };
    io.out.write(`${printableJson(answer, 2)}\n`);
  } else {
    io.out.write(paths.map((path) => `${printable(path)}\n`).join(""));
  }
  if (cut !== undefined) throw new CommandError(cutText(cut), EXIT.partial);
  if (json) return EXIT.ok;
  if (complete === false) io.err.write(`${UNHEARD}\n`);
  if (io.err.isTTY) io.err.write(`${target.url.host} speaks ${client.protocol}\n`);
  if (paths.length === 0) io.err.write(`No broadcast is live${prefix === "" ? "" : ` under ${prefix}`}.\n`);
  return EXIT.ok;
}

/** Throws {@link CommandError} when the relay says that this client may watch nothing. */
async function refuseBlind({ url, trust }: Target): Promise<void> {
  const { askAccess } = await import("../relay/client/index.ts");
  const verdict = await askAccess(url, trust);
  if (verdict?.allowed !== true || verdict.subscribe.length > 0) return;
  const what =
    url.searchParams.has("jwt") || url.searchParams.has("cat")
      ? "the token grants no path to watch here"
      : "no path may be watched here without a token";
  throw new CommandError(
    `${url.host} lists nothing: ${what}\n\`moqmesh token inspect\` shows what a token grants (\`get\`, or \`moqt\`)`,
    EXIT.refused,
  );
}

function cutText(reason: Reason): string {
  const why =
    reason === "limit" || reason === "no_capacity"
      ? "the relay has reached its bound on announcements per session ([limits] announcements_per_session)"
      : `the relay ended it (${reason})`;
  return `the list is incomplete: ${why}\nlist a part of it: moqmesh ls URL PREFIX`;
}

/** Prints changes until a signal, or until the relay ends the session or the list. */
async function follow(client: Client, prefix: string, json: boolean, io: Io): Promise<ExitCode> {
  const ended = Promise.withResolvers<ExitCode>();
  const watching = client.announced(prefix, ({ path, active }) => {
    io.out.write(json ? `${printableJson({ path, active })}\n` : `${active ? "+" : "-"} ${printable(path)}\n`);
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
