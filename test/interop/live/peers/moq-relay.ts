/** moq-relay of moq-dev/moq: it dials our relay, and ours dials it. */
import { join } from "node:path";
import { cargoInstall, exists, PROGRAMS } from "../cache.ts";
import type { Finding, Peer, Scene } from "../contract.ts";
import { addressOf, agreed, type Place, type Running, relaying, startRelay, whileDialled } from "./relays.ts";

const VERSION = "0.17.10";
const PROGRAM = join(PROGRAMS, "moq-relay");

const nameOf = (protocol: string): string => protocol.replace("moqt-", "moq-transport-");

async function start(...flags: readonly string[]): Promise<Running> {
  return await startRelay(PROGRAM, ({ address, cert, key }: Place) => [
    ...["--listen", address, "--listen-tls-cert", cert, "--listen-tls-key", key],
    ...["--auth-public", "**", ...flags],
  ]);
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  const theirs = await start(
    ...["--cluster-connect", addressOf(scene).href, "--connect-version", nameOf(protocol), "--connect-tls-insecure"],
  );
  try {
    yield* both("dials", theirs, protocol, scene);
  } finally {
    await theirs.stop();
  }
  const dialled = await start("--listen-version", nameOf(protocol));
  try {
    yield* whileDialled(dialled, scene, (dialler) => both("is dialled", dialled, protocol, dialler));
  } finally {
    await dialled.stop();
  }
}

async function* both(how: string, theirs: Running, protocol: string, scene: Scene): AsyncIterable<Finding> {
  const failure = await agreed(scene, protocol);
  if (failure !== undefined) return yield { check: how, failure };
  yield await relaying(`${how}, carries what is published at it`, theirs.url, addressOf(scene));
  yield await relaying(`${how}, carries what is published at ours`, addressOf(scene), theirs.url);
}

export const MOQ_RELAY: Peer = {
  name: "moq-relay",
  registry: "crates.io",
  version: VERSION,
  protocols: [
    ...["moq-lite-03", "moq-lite-04", "moq-lite-05", "moq-lite-06"],
    ...[14, 16, 18, 20, 22].map((draft) => `moqt-${draft}`),
  ],
  install: async () => await cargoInstall("moq-relay", VERSION),
  installed: async () => await exists(PROGRAM),
  examine,
};
