/** `moqmesh admin`: what the admin API can see and do, in the terminal. */
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { COMMAND_SPECS } from "./commands.ts";
import { commandOf, runSpec } from "./run.ts";

export { TARGET_OPTIONS } from "./target.ts";

const parts = COMMAND_SPECS.map(commandOf);

export const adminCommand: Command = {
  name: "admin",
  summary: "See what a running relay does, and act on it.",
  description: [
    "Asks the admin API of a relay. Without --url it is the relay of this machine, found by --config, by MOQMESH_HTTP_ADMIN_PORT and the other variables of the configuration, or at http://127.0.0.1:4444/. Its own secret is used when this user may read it.",
    "Tables fit the terminal: columns without room are left out, and --wide shows them. A pipe gets everything. --json prints the API's answer, --watch asks again and again.",
  ],
  positionals: [{ name: "COMMAND", required: true, description: "One of these; each has a --help of its own." }],
  options: [],
  takesConfig: false,
  examples: ["admin status", "admin sessions --sort rate_out --watch", "admin sessions --help"],
  parts,
  // Not called: a command line that names no part is refused before.
  run: () => Promise.resolve(EXIT.usage),
};

const clusterSpec = COMMAND_SPECS.find(({ name }) => name === "cluster");
if (clusterSpec === undefined) throw new Error("there is no command for the cluster");
const clusterPart = commandOf(clusterSpec);

/** `moqmesh cluster URL [PREFIX]`: the same as `moqmesh admin cluster --url URL [PREFIX]`. */
export const clusterCommand: Command = {
  ...clusterPart,
  name: "cluster",
  summary: "Show the mesh as a relay sees it.",
  description: [
    "Asks the admin listener of a relay, such as http://127.0.0.1:4444/. A root lists the relays of the mesh and the broadcasts that are published to each; any other relay lists the relays it pulls from. It is the same as `moqmesh admin cluster --url URL`.",
  ],
  positionals: [
    { name: "URL", required: true, description: "The admin listener of a relay." },
    ...clusterPart.positionals,
  ],
  options: clusterPart.options.filter(({ name }) => name !== "url" && name !== "config"),
  examples: ["cluster http://127.0.0.1:4444/", "cluster http://127.0.0.1:4444/ live --json"],
  run: ({ positionals: [url, ...positionals], ...invocation }, io) =>
    runSpec(clusterSpec, { ...invocation, positionals }, io, url),
};
