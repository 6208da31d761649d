/**
 * The relay that @moq/net meets.
 *
 * With `MOQMESH_TEST_RELAY=http://127.0.0.1:4443/` tests without settings of their own use a relay that runs already, ours
 * or another, which shows whose fault a failure is.
 */
import { after, afterEach, before } from "node:test";
import { type Settings, TestRelay } from "../../support/relay.ts";
import { type PeerRelay, Peers } from "./peer.ts";

const EXTERNAL_RELAY = process.env["MOQMESH_TEST_RELAY"];

interface InteropRelay extends PeerRelay {
  stop(): Promise<void>;
}

/** A relay for the tests of this file or `describe`, and sessions that are closed after each test. */
export function relayForTests(settings: Settings = {}): { peers: Peers; relay: () => PeerRelay } {
  let started: InteropRelay | undefined;
  const relay = () => {
    if (started === undefined) throw new Error("the relay has not started");
    return started;
  };
  const peers = new Peers(relay);
  before(async () => {
    const own = EXTERNAL_RELAY === undefined || Object.keys(settings).length > 0;
    started = own ? await TestRelay.start(settings) : await running(EXTERNAL_RELAY);
  });
  after(() => relay().stop());
  afterEach(() => peers.closeAll());
  return { peers, relay };
}

async function running(address: string): Promise<InteropRelay> {
  const url = new URL(address);
  const hex = (await (await fetch(new URL("/certificate.sha256", url))).text()).trim();
  return { url, certificateHash: Uint8Array.from(Buffer.from(hex, "hex")), stop: async () => {} };
}
