/** One peer in one version, against a relay of its own. */
import type { InteropCell } from "../../../scripts/docs/interop.ts";
import { type Settings, TestRelay } from "../../support/relay.ts";
import type { Peer, Scene } from "./contract.ts";
import { faultOf } from "./faults.ts";
import { REFERENCE_PROTOCOL } from "./reference.ts";

/** Longest failure that is kept, in characters. */
const FAILURE_KEPT = 300;

/** Lines of the log for sessions: one that was dialled by the peer, and one that the relay dialled. */
const OPENED: readonly unknown[] = ["session opened", "relay outside the mesh reached"];

/** The name of a version: draft 14 is negotiated by another one. */
export function versionName(protocol: unknown): string {
  return protocol === "moq-00" ? "moqt-14" : String(protocol);
}

/** A relay that offers this version alone where the peer cannot choose, and the one in which our own ends of a track speak. */
function settingsFor(protocol: string, { choosesVersion = false }: Peer): Settings {
  if (choosesVersion) return { "server.experimental": REFERENCE_PROTOCOL };
  const alpn = protocol === "moqt-14" ? "moq-00" : protocol;
  const stable = alpn === REFERENCE_PROTOCOL ? "" : alpn;
  return { "server.protocols": stable, "server.experimental": REFERENCE_PROTOCOL };
}

/** Runs every check, and prints each. */
export async function examine(peer: Peer, protocol: string): Promise<InteropCell> {
  console.log(`\n${peer.name} ${peer.version}, ${protocol}`);
  const relay = await TestRelay.start(settingsFor(protocol, peer));
  const checks: InteropCell["checks"] = [];
  const found = (check: string, why: string | undefined) => {
    const failure = why === undefined ? undefined : oneLine(why);
    const fault = failure === undefined ? undefined : faultOf(peer.name, protocol, check, failure);
    checks.push({ check, ...(failure !== undefined && { failure }), ...(fault && { fault }) });
    console.log(failure === undefined ? `  pass  ${check}` : `  FAIL  ${check}: ${failure}`);
  };
  try {
    for await (const { check, failure } of peer.examine(sceneOf(relay, settingsFor(protocol, peer)), protocol))
      found(check, failure);
  } catch (error) {
    found("runs", error instanceof Error ? error.message : String(error));
  } finally {
    await relay.stop();
  }
  return { peer: peer.name, protocol, checks };
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= FAILURE_KEPT ? line : `${line.slice(0, FAILURE_KEPT)}…`;
}

function sceneOf(relay: TestRelay, settings: Settings): Scene {
  let read = 0;
  return {
    authority: `127.0.0.1:${relay.port}`,
    fingerprint: Buffer.from(relay.certificateHash).toString("hex"),
    sessions: () => {
      const lines = relay.entries.slice(read);
      read = relay.entries.length;
      return lines.filter(({ msg }) => OPENED.includes(msg)).map((line) => versionName(line["protocol"]));
    },
    dialling: async (url, fingerprint) => {
      const outside = { "cluster.connect": url.href, "cluster.fingerprints": fingerprint };
      const dialler = await TestRelay.start({ "cluster.node": "ours", ...settings, ...outside });
      return { ...sceneOf(dialler, settings), stop: async () => await dialler.stop() };
    },
  };
}
