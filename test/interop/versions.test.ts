/** A broadcast published in one version and over one transport is watched in any other. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { EVERYTHING, freshPath, groupHash, online, passInTurn, publish, TRACK } from "./support/media.ts";
import { PROTOCOLS, TRANSPORTS } from "./support/peer.ts";
import { relayForTests } from "./support/relay.ts";

const GROUPS = 6;
const FRAMES = 6;

const { peers } = relayForTests();

for (const from of TRANSPORTS) {
  for (const to of TRANSPORTS) {
    describe(`published over ${from}, watched over ${to}`, () => {
      for (const spoken of PROTOCOLS) {
        for (const heard of PROTOCOLS) {
          test(`${spoken} to ${heard}`, { timeout: patient(20_000) }, async () => {
            const path = freshPath();
            const { track } = publish(await peers.connect(from, spoken), path);
            const viewer = await peers.connect(to, heard);
            const broadcast = await online(viewer.announcedBroadcast(path));
            const subscriber = broadcast.track(TRACK).subscribe(EVERYTHING);
            const received = await passInTurn(track, subscriber, { seed: 9, count: GROUPS, frames: FRAMES });
            const expected = Array.from({ length: GROUPS }, (_, group) => groupHash(9, group, FRAMES));
            assert.deepEqual(received.toSorted(), expected.toSorted());
          });
        }
      }
    });
  }
}

describe("a relay that is kept to moq-lite-04", () => {
  const kept = relayForTests({ "server.protocols": "moq-lite-04" });

  for (const transport of TRANSPORTS) {
    test(`accepts it alone over ${transport}`, { timeout: patient(20_000) }, async () => {
      await kept.peers.connect(transport, "moq-lite-04");
      await assert.rejects(kept.peers.connect(transport, "moq-lite-05"));
    });
  }
});
