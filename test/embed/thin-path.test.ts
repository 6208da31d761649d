import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Session } from "../../embed/index.ts";
import { parsePath, UdpPath } from "../../lab/path/index.ts";
import { missingEngine } from "../support/engines.ts";
import { until } from "../support/until.ts";
import { relayFor, sessionWith } from "./support/relays.ts";

const GROUPS = 20;

/** The sequences of the groups that arrive whole, in the order of their last frames. */
function whole(session: Session): readonly number[] {
  const sequences: number[] = [];
  const read = async () => {
    for await (const group of session.subscribe("live/room", "video")) {
      void (async () => {
        for await (const _ of group);
        if (group.cut === undefined) sequences.push(group.sequence);
      })();
    }
  };
  read().catch(() => undefined);
  return sequences;
}

const skip = missingEngine();

test("a viewer on a thin path gets the newest group first and costs the others nothing", { skip }, async (t) => {
  const relay = await relayFor(t);
  const target = { address: "127.0.0.1", port: Number(new URL(relay.url).port) };
  const path = await UdpPath.open({ spec: parsePath("delay=5 rate=4"), target });
  t.after(() => path.close());
  const thin = await connect(`https://127.0.0.1:${path.port}/`, { fingerprint: relay.fingerprint ?? "" });
  t.after(() => thin.close());
  const publisher = await sessionWith(t, relay);
  const track = publisher.publish("live/room").track("video");
  const usual = whole(await sessionWith(t, relay));
  const late = whole(thin);
  await until(() => track.wanted, "a subscription");
  // 100 kB as soon as the other viewer has the last ones: the path needs 200 ms for as much.
  for (let sent = 0; sent < GROUPS; sent++) {
    const group = track.group();
    group.write(new Uint8Array(100_000));
    group.end();
    await until(() => usual.length > sent, "the group at the other viewer");
  }
  assert.ok(late.length < GROUPS / 2, `${late.length} groups have come through the thin path`);
  await until(() => late.includes(GROUPS - 1), "the newest group through the thin path");
  assert.ok(late.length < (GROUPS * 3) / 4, `the newest group came after ${late}`);
});
