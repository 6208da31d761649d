/** A catalog that @moq/net writes once and no longer has when later viewers ask for it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Connection, Path } from "@moq/net";
import { patient } from "../../scripts/suite/patience.ts";
import {
  EVERYTHING,
  freshPath,
  groupHash,
  online,
  publish,
  readGroups,
  subscribed,
  TRACK,
  writeGroup,
} from "./support/media.ts";
import { PROTOCOLS } from "./support/peer.ts";
import { relayForTests } from "./support/relay.ts";

/** Milliseconds between groups on the live track; its end shows that the relay has dropped it. */
const LIVE_EVERY_MS = 20;

const { peers } = relayForTests({ "limits.track_linger": "200ms" });

describe("a catalog that was written once", () => {
  for (const protocol of PROTOCOLS) {
    test(`reaches each viewer over ${protocol}, also after live tracks were dropped`, {
      timeout: patient(20_000),
    }, async () => {
      const path = freshPath();
      const publisher = await peers.connect("websocket", protocol);
      const { broadcast, track } = publish(publisher, path, { latencyMax: 1 });
      const live = broadcast.createTrack("live", { latencyMax: 1 });
      const sending = setInterval(() => writeGroup(live, 1, 0, 2), LIVE_EVERY_MS);
      try {
        for (let visit = 0; visit < 3; visit++) {
          const viewer = await peers.connect("websocket", protocol);
          const seen = await look(viewer, path, async () => {
            await subscribed(live);
            if (visit === 0) {
              await subscribed(track);
              writeGroup(track, 7, 0, 3);
            }
          });
          assert.deepEqual(seen, [groupHash(7, 0, 3)]);
          viewer.close();
          await live.unused();
          assert.equal(track.used.peek(), true, "the relay would hear of a newer one");
        }
      } finally {
        clearInterval(sending);
      }
    });
  }
});

/** Watches the live track and the catalog until that has come. */
async function look(
  viewer: Connection.Established,
  path: Path.Valid,
  watching: () => Promise<void>,
): Promise<string[]> {
  const broadcast = await online(viewer.announcedBroadcast(path));
  const live = broadcast.track("live").subscribe(EVERYTHING);
  const catalog = broadcast.track(TRACK).subscribe(EVERYTHING);
  await watching();
  await readGroups(live, 1);
  return await readGroups(catalog, 1);
}
