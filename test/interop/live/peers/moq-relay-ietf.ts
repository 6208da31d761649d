/** moq-relay-ietf of cloudflare/moq-rs: our clients at it, our relay as the one that dials it, and as the one to which it announces. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cargoInstall, exists, PROGRAMS } from "../cache.ts";
import type { Finding, Peer, Scene } from "../contract.ts";
import { addressOf, agreed, type Place, type Running, relaying, startRelay, whileDialled } from "./relays.ts";

const VERSION = "0.8.0";
const PROGRAM = join(PROGRAMS, "moq-relay-ietf");

/** Starts it with a folder of its own for the file that relays share. */
async function start(...flags: readonly string[]): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-ietf-"));
  const running = await startRelay(PROGRAM, ({ address, cert, key }: Place) => [
    ...["--bind", address, "--tls-cert", cert, "--tls-key", key],
    ...["--coordinator-file", join(folder, "coordinator.json"), ...flags],
  ]);
  const stop = async () => {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { ...running, stop };
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  const alone = await start();
  try {
    yield await relaying("serves our publisher and our viewer", alone.url, alone.url);
    yield* whileDialled(alone, scene, (dialler) => dialled(alone, protocol, dialler));
  } finally {
    await alone.stop();
  }
  const announcing = await start("--announce", addressOf(scene).href, "--tls-disable-verify");
  try {
    const check = "announces to ours, which carries what is published at it";
    const failure = await agreed(scene, protocol);
    yield failure === undefined ? await relaying(check, announcing.url, addressOf(scene)) : { check, failure };
  } finally {
    await announcing.stop();
  }
}

async function* dialled(theirs: Running, protocol: string, ours: Scene): AsyncIterable<Finding> {
  const failure = await agreed(ours, protocol);
  if (failure !== undefined) return yield { check: "is dialled", failure };
  yield await relaying("is dialled, carries what is published at it", theirs.url, addressOf(ours));
  yield await relaying("is dialled, carries what is published at ours", addressOf(ours), theirs.url);
}

export const MOQ_RELAY_IETF: Peer = {
  name: "moq-relay-ietf",
  registry: "crates.io",
  version: VERSION,
  protocols: ["moqt-18"],
  install: async () => await cargoInstall("moq-relay-ietf", VERSION),
  installed: async () => await exists(PROGRAM),
  examine,
};
