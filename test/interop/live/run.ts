/** `npm run interop`: programs of other projects meet a relay of this tree over loopback, and docs/interop.md says how it went. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EXPERIMENTAL_PROTOCOLS, protocols } from "../../../moq/session/index.ts";
import {
  INTEROP_FILE,
  type InteropCell,
  type InteropResults,
  interopPage,
  readInterop,
} from "../../../scripts/docs/interop.ts";
import { readFlags, wrongCommandLine } from "../../../scripts/flags.ts";
import { CACHE, run } from "./cache.ts";
import type { Peer } from "./contract.ts";
import { examine, versionName } from "./examine.ts";
import { PEERS } from "./peers/index.ts";

const PAGE = new URL("../../../docs/interop.md", import.meta.url);

const BIOME = fileURLToPath(new URL("../../../node_modules/.bin/biome", import.meta.url));

const HELP = `Meets programs of other projects: npm run interop -- [--install] [--peer NAME]... [--protocol VERSION]... [--dry]

--install   Install the peers from their registries into ${CACHE} (MOQMESH_INTEROP_CACHE names another folder), and run nothing.
--peer      Only these peers: ${PEERS.map(({ name }) => name).join(", ")}.
--protocol  Only these versions.
--dry       Print the results, and leave docs/interop.json and docs/interop.md as they are.

What does not run keeps its last result.`;

/** Versions that a relay offers to clients. */
const SPOKEN = protocols(EXPERIMENTAL_PROTOCOLS).map(versionName);

const flags = readFlags(HELP, {
  install: { type: "boolean", default: false },
  peer: { type: "string", multiple: true, default: [] },
  protocol: { type: "string", multiple: true, default: [] },
  dry: { type: "boolean", default: false },
});

const unknown = flags.peer.find((name) => !PEERS.some((peer) => peer.name === name));
if (unknown !== undefined) wrongCommandLine(`there is no peer "${unknown}"`, HELP);
const chosen = PEERS.filter(({ name }) => flags.peer.length === 0 || flags.peer.includes(name));

if (flags.install) await install(chosen);
else await examineAll();

async function install(peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) {
    if (await peer.installed()) continue;
    console.log(`installing ${peer.name} ${peer.version} of ${peer.registry}`);
    await peer.install();
  }
}

async function examineAll(): Promise<void> {
  const cells: InteropCell[] = [];
  for (const peer of chosen) {
    if (!(await peer.installed())) {
      console.log(`${peer.name} ${peer.version} is not installed: npm run interop -- --install --peer ${peer.name}`);
      continue;
    }
    for (const protocol of peer.protocols.filter(wanted)) cells.push(await examine(peer, protocol));
  }
  if (!flags.dry) await keep(cells);
}

function wanted(protocol: string): boolean {
  return SPOKEN.includes(protocol) && (flags.protocol.length === 0 || flags.protocol.includes(protocol));
}

/** Writes the results; cells of other peers and versions stay as they were. */
async function keep(cells: readonly InteropCell[]): Promise<void> {
  const names = PEERS.map(({ name }) => name);
  const replaced = (one: InteropCell) =>
    cells.some(({ peer, protocol }) => peer === one.peer && protocol === one.protocol);
  const kept = last().filter((one) => names.includes(one.peer) && !replaced(one));
  const place = ({ peer, protocol }: InteropCell) => names.indexOf(peer) * SPOKEN.length + SPOKEN.indexOf(protocol);
  const results: InteropResults = {
    day: new Date().toISOString().slice(0, 10),
    protocols: SPOKEN,
    peers: PEERS.map(({ name, registry, version, protocols: spoken }) => ({
      name,
      registry,
      version,
      protocols: [...spoken],
    })),
    cells: [...kept, ...cells].sort((a, b) => place(a) - place(b)),
  };
  writeFileSync(INTEROP_FILE, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(PAGE, interopPage(results));
  await run(BIOME, ["format", "--write", INTEROP_FILE]);
  console.log("\ndocs/interop.json and docs/interop.md are written");
}

function last(): readonly InteropCell[] {
  try {
    return readInterop().cells;
  } catch {
    return [];
  }
}
