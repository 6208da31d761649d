/** What each kind of token may do in each version of the protocol. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ClaimsInput } from "../../auth/index.ts";
import { FetchIntoGroup } from "../../moq/model/fetched-group.ts";
import { groupRange } from "../../moq/model/locations.ts";
import { closeCodes } from "../../moq/session/index.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { type TestClient, TestGroup, type TestPublisher, TRACK, VERSIONS } from "../session/support.ts";
import { GuardedRelay } from "./relay.ts";

/** Broadcasts that are live before the clients of the test connect: `cam`, similar names, and another tenant's. */
const LIVE = ["room/cam", "room/cam/low", "room/camera", "other/cam"];

interface Row {
  readonly who: string;
  /** Nothing: no token. */
  readonly claims: ClaimsInput | undefined;
  /** What it sees announced, and alone may subscribe to, fetch and ask about. */
  readonly sees: readonly string[];
  /** New broadcasts that it may announce, of {@link ATTEMPTS}. */
  readonly publishes: readonly string[];
}

const ATTEMPTS = ["room/new", "room/cam/new", "room/camera/new", "rooms/new", "other/new", "open/new"];

const ROWS: readonly Row[] = [
  { who: "no token", claims: undefined, sees: [], publishes: ["open/new"] },
  {
    who: 'get ""',
    claims: { root: "room", get: [""] },
    sees: ["room/cam", "room/cam/low", "room/camera"],
    publishes: [],
  },
  { who: "get cam", claims: { root: "room", get: ["cam"] }, sees: ["room/cam", "room/cam/low"], publishes: [] },
  { who: "get as text", claims: { root: "room/cam", get: "low" }, sees: ["room/cam/low"], publishes: [] },
  { who: "get of two", claims: { get: ["room/camera", "other"] }, sees: ["room/camera", "other/cam"], publishes: [] },
  {
    who: 'put ""',
    claims: { root: "room", put: [""] },
    sees: [],
    publishes: ["room/new", "room/cam/new", "room/camera/new"],
  },
  { who: "put cam", claims: { root: "room", put: ["cam"] }, sees: [], publishes: ["room/cam/new"] },
  {
    who: "put cam, get camera",
    claims: { root: "room", put: ["cam"], get: ["camera"] },
    sees: ["room/camera"],
    publishes: ["room/cam/new"],
  },
  { who: "everything", claims: { put: "", get: "" }, sees: LIVE, publishes: ATTEMPTS },
  { who: "a relay of the mesh without paths", claims: { cluster: true }, sees: [], publishes: [] },
];

for (const version of VERSIONS) {
  const caps = capabilities(version);
  assert.ok(caps);
  describe(`${version}: who may do what`, () => {
    let relay: GuardedRelay;
    /** May do everything, and sees every broadcast. */
    let insider: TestClient;
    const publishers = new Map<string, TestPublisher>();
    before(async () => {
      relay = await GuardedRelay.start({ settings: { "auth.public_publish": "open" } });
      insider = await relay.connect(version, await relay.token({ put: "", get: "" }));
      for (const path of LIVE) publishers.set(path, insider.publish(path));
      await relay.pass(100);
      // Something is in each cache, so that a refusal has no other reason.
      const watcher = await relay.connect(version, await relay.token({ get: "" }));
      for (const path of LIVE) watcher.watch(path);
      await relay.pass(100);
      for (const publisher of publishers.values()) publisher.send(0, "hello");
      await relay.pass(100);
    });
    after(() => relay.stop());

    const join = async ({ claims }: Row) =>
      await relay.connect(version, claims === undefined ? undefined : await relay.token(claims));

    for (const row of ROWS) {
      it(`${row.who} sees ${row.sees.join(", ") || "nothing"}`, async () => {
        const client = await join(row);
        await relay.pass(500);
        const seen = [...client.broadcasts.list()].map(({ path }) => path);
        assert.deepEqual(seen.sort(), [...row.sees].sort());
        client.session.close(0, "");
      });

      it(`${row.who} subscribes to the same and nothing else`, async () => {
        const client = await join(row);
        const allowed: string[] = [];
        for (const path of LIVE) {
          const viewer = client.watch(path);
          await relay.pass(100);
          if (viewer.groups.length > 0) allowed.push(path);
          else assert.deepEqual(viewer.log, ["closed unauthorized"], path);
        }
        assert.deepEqual(
          allowed,
          LIVE.filter((path) => row.sees.includes(path)),
        );
        client.session.close(0, "");
      });

      it(`${row.who} fetches the same and nothing else`, async () => {
        const client = await join(row);
        for (const path of LIVE) {
          const group = new TestGroup(0, true);
          client.session.source.fetch(path, TRACK, groupRange(0), 0, new FetchIntoGroup(group));
          await relay.pass(100);
          assert.equal(group.state, row.sees.includes(path) ? "finished" : "unauthorized", path);
        }
        client.session.close(0, "");
      });

      if (caps.trackStream) {
        it(`${row.who} gets track information of the same and nothing else`, async () => {
          const client = await join(row);
          for (const path of LIVE) {
            let answer: unknown;
            client.session.source.info(path, TRACK, (result) => {
              answer = result;
            });
            await relay.pass(100);
            assert.equal(answer === "unauthorized", !row.sees.includes(path), path);
            assert.notEqual(answer, undefined);
          }
          client.session.close(0, "");
        });
      }

      it(`${row.who} gets the figures of its own link by a probe`, async () => {
        const client = await join(row);
        const { resets, answers } = probe(client, encodeRequest({ kind: "probe", bitrate: 0, rtt: 0 }, caps));
        await relay.pass(100);
        // The links of these tests know a round-trip time and no rate.
        assert.deepEqual([resets, answers.length > 0], [[], caps.probeRtt]);
        client.session.close(0, "");
      });

      it(`${row.who} publishes ${row.publishes.join(", ") || "nothing"}`, async () => {
        for (const path of ATTEMPTS) {
          const client = await join(row);
          client.publish(path);
          await relay.pass(100);
          const live = [...insider.broadcasts.list(path)].length > 0;
          assert.equal(live, row.publishes.includes(path), path);
          // A client without the permission is disconnected at once, with the reason.
          const [report] = client.reports;
          assert.equal(report?.code, live ? undefined : closeCodes(version).codeOf("unauthorized"), path);
          if (!live) assert.match(report?.message ?? "", /not allowed to publish/);
          client.session.close(0, "");
          await relay.pass(100);
        }
      });
    }

    it("the path of the URL may be narrower than the token's root, equal to it or above it, but not elsewhere", async () => {
      const token = await relay.token({ root: "room", get: ["cam"] });
      const seenAt = async (path: string) => {
        const client = await relay.connect(version, token, path);
        await relay.pass(500);
        const seen = [...client.broadcasts.list()].map((broadcast) => broadcast.path);
        client.session.close(0, "");
        return seen.sort();
      };
      assert.deepEqual(await seenAt("/"), ["room/cam", "room/cam/low"]);
      assert.deepEqual(await seenAt("/room"), ["cam", "cam/low"]);
      assert.deepEqual(await seenAt("//room/%63am/"), ["", "low"]);
      for (const path of ["/other", "/rooms", "/room/camera", "/room/%2e%2e/other"]) {
        await assert.rejects(relay.connect(version, token, path), { status: 403 }, path);
      }
      for (const path of ["/room%2f..%2fother", "/room/..%2fother", "/room/%00", "/%zz"]) {
        await assert.rejects(relay.connect(version, token, path), { status: 400 }, path);
      }
    });
  });
}

/** Codes with which our probe stream is reset, and lengths of what comes on it. */
function probe(client: TestClient, request: Uint8Array): { resets: number[]; answers: number[] } {
  const resets: number[] = [];
  const answers: number[] = [];
  const stream = client.link.openBidi(0, {
    data: (bytes) => void answers.push(bytes.length),
    fin: () => {},
    reset: (code) => void resets.push(code),
    stop: () => {},
  });
  assert.ok(stream);
  stream.write(request);
  return { resets, answers };
}
