/** What is tried with a relay of another project: both ends of a track are ours, at its relay and at ours. */
import { setTimeout as sleep } from "node:timers/promises";
import { makeWorkspace } from "../../../../bench/relays/certificate.ts";
import { freePorts } from "../../../../lab/ports.ts";
import { relayed } from "../checks.ts";
import type { Finding, Scene } from "../contract.ts";
import { PeerProcess } from "../driver.ts";

/** Milliseconds for two relays to reach each other. */
const REACH_MS = 5_000;
const LOOK_MS = 50;

/** Where a relay listens, and the files of its certificate. */
export interface Place {
  readonly address: string;
  readonly cert: string;
  readonly key: string;
}

export interface Running {
  readonly url: URL;
  /** SHA-256 of its certificate, hex. */
  readonly fingerprint: string;
  stop(): Promise<void>;
}

/** Starts the relay `file`, which prints "listening" when it does. Rejects with what it printed where it does not, or not in time. */
export async function startRelay(file: string, flags: (place: Place) => readonly string[]): Promise<Running> {
  const workspace = await makeWorkspace();
  const [port = 0] = await freePorts(1);
  const { cert, key, trust } = workspace;
  if (trust.kind !== "hash") throw new Error("the certificate of this run must be trusted by its hash");
  const address = `127.0.0.1:${port}`;
  let output = "";
  const process = new PeerProcess({ file, args: flags({ address, cert, key }) }, (bytes) => {
    output += bytes.toString();
  });
  const stop = async () => {
    await process.stop();
    await workspace.remove();
  };
  const listens = () => (output + process.errors).includes("listening");
  await until(() => listens() || process.exit !== undefined);
  if (process.exit !== undefined || !listens()) {
    const { exit = "it runs", errors } = process;
    await stop();
    throw new Error(`it does not listen (${exit}): ${errors}`);
  }
  return { url: new URL(`https://${address}/`), fingerprint: trust.sha256, stop };
}

/** Runs `checks` with their relay, and with another one of ours that dials it. */
export async function* whileDialled(
  theirs: Running,
  scene: Scene,
  checks: (ours: Scene) => AsyncIterable<Finding>,
): AsyncIterable<Finding> {
  const dialler = await scene.dialling(theirs.url, theirs.fingerprint);
  try {
    yield* checks(dialler);
  } finally {
    await dialler.stop();
  }
}

/** Why the two relays have no session in this version; undefined when they have. */
export async function agreed(scene: Scene, protocol: string): Promise<string | undefined> {
  let all: readonly string[] = [];
  const reached = await until(() => {
    all = [...all, ...scene.sessions()];
    return all.length > 0;
  });
  if (!reached) return "the two relays did not open a session";
  return all.includes(protocol) ? undefined : `it agreed on ${all.join(", ")}`;
}

/** What is published at one relay is watched at the other. */
export async function relaying(check: string, from: URL, to: URL): Promise<Finding> {
  const failure = await relayed(from, to);
  return failure === undefined ? { check } : { check, failure };
}

/** The address of our relay. */
export const addressOf = ({ authority }: Scene): URL => new URL(`https://${authority}/`);

async function until(done: () => boolean): Promise<boolean> {
  const deadline = performance.now() + REACH_MS;
  while (!done() && performance.now() < deadline) await sleep(LOOK_MS);
  return done();
}
