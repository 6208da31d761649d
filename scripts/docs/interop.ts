/** docs/interop.md, from the results of the last run of `npm run interop` in docs/interop.json. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { cell, code, table } from "./markdown.ts";

const RESULTS = new URL("../../docs/interop.json", import.meta.url);

/** Fault of a peer: what it does, and the text that says otherwise. */
const FAULT = z.strictObject({ clause: z.string(), text: z.string() });

const CHECK = z.strictObject({
  check: z.string(),
  /** Absent: it passed. */
  failure: z.string().optional(),
  /** The peer is wrong. */
  fault: FAULT.optional(),
});

/** A peer in one version. */
const CELL = z.strictObject({ peer: z.string(), protocol: z.string(), checks: z.array(CHECK) });

const PEER = z.strictObject({
  name: z.string(),
  registry: z.string(),
  version: z.string(),
  /** Versions that it speaks. */
  protocols: z.array(z.string()),
});

const INTEROP = z.strictObject({
  /** Day of the last run. */
  day: z.string(),
  /** Versions that the relay spoke. */
  protocols: z.array(z.string()),
  peers: z.array(PEER),
  cells: z.array(CELL),
});

export type InteropResults = z.infer<typeof INTEROP>;
export type InteropCell = z.infer<typeof CELL>;
export type InteropCheck = z.infer<typeof CHECK>;

/** The results of the last run. Throws when the file has another shape. */
export function readInterop(): InteropResults {
  return INTEROP.parse(JSON.parse(readFileSync(RESULTS, "utf8")));
}

/** Where the results are. */
export const INTEROP_FILE: string = fileURLToPath(RESULTS);

const INTRODUCTION = `# Live interoperability

<!-- Generated from docs/interop.json, which \`npm run interop\` writes; changes here are lost. -->

Programs of other projects meet this relay over loopback. [interop.json](interop.json) has the same results for machines.

- *publishes*: the peer publishes in this version, and our viewer watches over moq-lite. *watches*: the other way round. *publishes and watches*: the peer does both.
- Three groups or more must arrive whole. Payloads are compared by SHA-256. Where the peer does both, the ids of subgroups and objects and the properties are compared as well.
- *plays*: a player in a browser without a window shows 72 pictures of a broadcast with an MSF catalog and CMAF chunks.
- *moq-load-sim*: 50 subscribers of one track, each with a session of its own, join and get what is sent.
- \`5/5\` are checks that passed. **peer** marks a failure that is the peer's: the list below names the clause. \`–\`: the peer does not speak the version.

Run it again: \`npm run interop -- --install\` installs the peers from their registries into a cache folder outside the tree; \`npm run interop\` runs all of them.
`;

/** The text of docs/interop.md. */
export function interopPage(results: InteropResults = readInterop()): string {
  const { day, peers, protocols, cells } = results;
  const head = ["Version", ...peers.map(({ name, version }) => `${name} ${version}`)];
  const rows = protocols.map((protocol) => [
    code(protocol),
    ...peers.map((peer) => summary(results, peer.name, protocol)),
  ]);
  const from = peers.map(({ name, registry }) => `${name}: ${registry}`).join(", ");
  const details = cells.filter(({ checks }) => checks.some(({ failure }) => failure !== undefined)).map(detail);
  return [
    INTRODUCTION,
    `Last run: ${day}. Registries: ${from}.\n`,
    `${table(head, rows)}\n`,
    "## What failed\n",
    details.length === 0 ? "Nothing.\n" : details.join("\n"),
  ].join("\n");
}

function summary({ peers, cells }: InteropResults, peer: string, protocol: string): string {
  if (!peers.some(({ name, protocols }) => name === peer && protocols.includes(protocol))) return "–";
  const found = cells.find((one) => one.peer === peer && one.protocol === protocol);
  if (found === undefined) return "not run";
  const passed = found.checks.filter(({ failure }) => failure === undefined).length;
  const counts = `${passed}/${found.checks.length}`;
  const failed = found.checks.filter(({ failure }) => failure !== undefined);
  if (failed.length === 0) return `pass ${counts}`;
  return failed.every(({ fault }) => fault !== undefined) ? `**peer** ${counts}` : `fail ${counts}`;
}

function detail({ peer, protocol, checks }: InteropCell): string {
  const lines = checks.flatMap(({ check, failure, fault }) => {
    if (failure === undefined) return [];
    const why = fault === undefined ? "" : ` **The peer**: ${fault.text} (${fault.clause})`;
    return [`- ${cell(check)}: ${cell(failure)}.${why}`];
  });
  return `### ${peer}, ${protocol}\n\n${lines.join("\n")}\n`;
}
