/** moq-relay of moq-dev/moq: it dials our relay, and ours dials it. Both ends of a track are ours, at the one and the other relay. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeWorkspace } from "../../../../bench/relays/certificate.ts";
import { freePorts } from "../../../../lab/ports.ts";
import { cargoInstall, exists, PROGRAMS } from "../cache.ts";
import { relayed } from "../checks.ts";
import type { Finding, Peer, Scene } from "../contract.ts";
import { PeerProcess } from "../driver.ts";

const VERSION = "0.17.10";
const PROGRAM = join(PROGRAMS, "moq-relay");

/** Milliseconds for two relays to reach each other. */
const REACH_MS = 5_000;
const LOOK_MS = 50;

const nameOf = (protocol: string): string => protocol.replace("moqt-", "moq-transport-");

interface Running {
  readonly url: URL;
  /** SHA-256 of its certificate, hex. */
  readonly fingerprint: string;
  stop(): Promise<void>;
}

async function start(...flags: readonly string[]): Promise<Running> {
  const workspace = await makeWorkspace();
  const [port = 0] = await freePorts(1);
  const { cert, key, trust } = workspace;
  if (trust.kind !== "hash") throw new Error("the certificate of this run must be trusted by its hash");
  const listen = ["--listen", `127.0.0.1:${port}`, "--listen-tls-cert", cert, "--listen-tls-key", key];
  let output = "";
  const process = new PeerProcess({ file: PROGRAM, args: [...listen, "--auth-public", "**", ...flags] }, (bytes) => {
    output += bytes.toString();
  });
  const stop = async () => {
    await process.stop();
    await workspace.remove();
  };
  await until(() => output.includes("listening") || process.exit !== undefined);
  if (process.exit !== undefined) throw new Error(`moq-relay ended with ${process.exit}: ${process.errors}`);
  return { url: new URL(`https://127.0.0.1:${port}/`), fingerprint: trust.sha256, stop };
}

async function until(done: () => boolean): Promise<boolean> {
  const deadline = performance.now() + REACH_MS;
  while (!done() && performance.now() < deadline) await sleep(LOOK_MS);
  return done();
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  const ours = new URL(`https://${scene.authority}/`);
  const theirs = await start(
    ...["--cluster-connect", ours.href, "--connect-version", nameOf(protocol), "--connect-tls-insecure"],
  );
  try {
    yield* both("dials", theirs.url, ours, protocol, scene);
  } finally {
    await theirs.stop();
  }
  const dialled = await start("--listen-version", nameOf(protocol));
  try {
    const dialler = await scene.dialling(dialled.url, dialled.fingerprint);
    try {
      yield* both("is dialled", dialled.url, new URL(`https://${dialler.authority}/`), protocol, dialler);
    } finally {
      await dialler.stop();
    }
  } finally {
    await dialled.stop();
  }
}

async function* both(how: string, theirs: URL, ours: URL, protocol: string, scene: Scene): AsyncIterable<Finding> {
  let agreed: readonly string[] = [];
  const reached = await until(() => {
    agreed = [...agreed, ...scene.sessions()];
    return agreed.length > 0;
  });
  if (!reached) return yield { check: how, failure: "the two relays did not open a session" };
  if (!agreed.includes(protocol)) return yield { check: how, failure: `it agreed on ${agreed.join(", ")}` };
  yield await relaying(`${how}, carries what is published at it`, theirs, ours);
  yield await relaying(`${how}, carries what is published at ours`, ours, theirs);
}

async function relaying(check: string, from: URL, to: URL): Promise<Finding> {
  const failure = await relayed(from, to);
  return failure === undefined ? { check } : { check, failure };
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
