/** moq-relay-ietf of cloudflare/moq-rs: our clients at it, our relay as the one that dials it, and as the one to which it announces. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cargoInstall, exists, PROGRAMS } from "../cache.ts";
import type { Finding, Peer, Scene } from "../contract.ts";
import { announced, referencePublisher } from "../reference.ts";
import { addressOf, agreed, type Place, type Running, relaying, startRelay, whileDialled } from "./relays.ts";

const VERSION = "0.8.0";
/** Milliseconds for an announcement to come through it. */
const ANNOUNCED_MS = 5_000;
const PROGRAM = join(PROGRAMS, "moq-relay-ietf");

/** Starts it with a folder of its own for the file that relays share. */
async function start(...flags: readonly string[]): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-ietf-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const running = await startRelay(PROGRAM, ({ address, cert, key }: Place) => [
      ...["--bind", address, "--tls-cert", cert, "--tls-key", key],
      ...["--coordinator-file", join(folder, "coordinator.json"), ...flags],
    ]);
    const stop = async () => {
      await running.stop();
      await remove();
    };
    return { ...running, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  const alone = await start();
  try {
    yield await relaying("serves our publisher and our viewer", alone.url, alone.url);
    yield* whileDialled(alone, scene, (dialler) => dialled(alone, protocol, dialler));
  } finally {
    await alone.stop();
  }
  const theirs = await start("--announce", addressOf(scene).href, "--tls-disable-verify");
  try {
    // It forwards announcements alone: a subscription over the session that it dialled is answered with an error, as its source says.
    const check = "dials, announces to ours what is published at it";
    const failure = (await agreed(scene, protocol)) ?? (await announcing(theirs.url, addressOf(scene)));
    yield failure === undefined ? { check } : { check, failure };
  } finally {
    await theirs.stop();
  }
}

/** Why what is published at one relay is not announced at the other. */
async function announcing(from: URL, to: URL): Promise<string | undefined> {
  const path = `interop/${randomUUID().slice(0, 8)}`;
  const publisher = await referencePublisher(from, path, "video");
  try {
    return (await announced(to, path, ANNOUNCED_MS)) ? undefined : "it was not announced";
  } finally {
    await publisher.stop();
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
