/** Every finished version of moq-lite, over both transports, with @moq/net at both ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Time } from "@moq/net";
import { patient } from "../../scripts/suite/patience.ts";
import { registerCommonTests } from "./support/common.ts";
import {
  EVERYTHING,
  freshPath,
  groupHash,
  online,
  publish,
  readGroup,
  readGroups,
  TRACK,
  writeGroup,
} from "./support/media.ts";
import { PROTOCOLS, TRANSPORTS } from "./support/peer.ts";
import { relayForTests } from "./support/relay.ts";

const TIMEOUT = { timeout: patient(20_000) };

const { peers } = relayForTests();

for (const transport of TRANSPORTS) {
  for (const protocol of PROTOCOLS) {
    describe(`${protocol} over ${transport}`, () => registerCommonTests(peers, transport, protocol));
  }

  describe(`what moq-lite-05 adds, over ${transport}`, () => {
    test("gives a track's properties without a subscription", TIMEOUT, async () => {
      const path = freshPath();
      publish(await peers.connect(transport, "moq-lite-05"), path, {
        timescale: Time.Timescale(90_000),
        priority: 7,
        ordered: true,
        latencyMax: 12_345,
      });
      const viewer = await peers.connect(transport, "moq-lite-05");
      const broadcast = await online(viewer.announcedBroadcast(path));
      const info = await broadcast.track(TRACK).info();
      assert.deepEqual({ ...info }, { timescale: 90_000, priority: 7, ordered: true, latencyMax: 12_345 });
    });

    test("fetches an earlier group from the cache", TIMEOUT, async () => {
      const path = freshPath();
      const { track } = publish(await peers.connect(transport, "moq-lite-05"), path);
      const viewer = await peers.connect(transport, "moq-lite-05");
      const broadcast = await online(viewer.announcedBroadcast(path));
      const subscriber = broadcast.track(TRACK).subscribe(EVERYTHING);
      for (let group = 0; group < 5; group++) writeGroup(track, 1, group, 4);
      await readGroups(subscriber, 1);
      const late = await peers.connect(transport, "moq-lite-05");
      const again = (await online(late.announcedBroadcast(path))).track(TRACK);
      assert.equal(await readGroup(await again.fetchGroup(2)), groupHash(1, 2, 4));
    });

    test("fetches a group that only the publisher has", TIMEOUT, async () => {
      const path = freshPath();
      const { track } = publish(await peers.connect(transport, "moq-lite-05"), path);
      for (let group = 0; group < 3; group++) writeGroup(track, 2, group, 4);
      const viewer = await peers.connect(transport, "moq-lite-05");
      const broadcast = await online(viewer.announcedBroadcast(path));
      assert.equal(await readGroup(await broadcast.track(TRACK).fetchGroup(1)), groupHash(2, 1, 4));
    });
  });
}
