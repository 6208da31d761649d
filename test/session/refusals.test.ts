import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { streamCodes } from "../../moq/session/lite/codes.ts";
import { encodeAnnouncement, encodeAnnounceOk } from "../../moq/wire/lite/announce.ts";
import { encodeRequest, type OpeningRequest } from "../../moq/wire/lite/requests.ts";
import { capabilities } from "../../moq/wire/lite/versions.ts";
import { LIVE, TestRelay, TRACK, VERSIONS } from "./support.ts";

function capsOf(version: string) {
  const caps = capabilities(version);
  assert.ok(caps);
  return caps;
}

/** Records how each stream ends. */
function ends() {
  const codes: string[] = [];
  return {
    codes,
    handler: {
      data: () => {},
      fin: () => {},
      reset: (code: number) => codes.push(`reset ${code}`),
      stop: (code: number) => codes.push(`stop ${code}`),
    },
  };
}

for (const version of VERSIONS) {
  describe(`${version}: refused without ending the session`, () => {
    it("an empty stream of either kind", async () => {
      const relay = await TestRelay.start();
      const { link, closed } = await relay.raw(version);
      const { codes, handler } = ends();
      link.openUni(1, handler)?.finish();
      link.openBidi(1, handler)?.finish();
      await relay.pass(20_000);
      assert.deepEqual(codes, [`reset ${streamCodes(capsOf(version)).codeOf("protocol")}`]);
      assert.deepEqual(closed, []);
      assert.equal(relay.counters.boundsHit.header_timeout, 0, "nothing is awaited on a stream that has ended");
    });

    it("a unidirectional stream that is reset before its header", async () => {
      const relay = await TestRelay.start();
      const { link, closed } = await relay.raw(version);
      const stream = link.openUni(1, { stop: () => {} });
      stream?.write(Uint8Array.of(0));
      await relay.pass(50);
      stream?.reset(0);
      await relay.pass(20_000);
      assert.deepEqual(closed, []);
      assert.equal(relay.counters.boundsHit.header_timeout, 0);
    });

    it("a request whose path or track name is too long", async () => {
      const relay = await TestRelay.start({ session: { pathBytes: 8, trackNameBytes: 8 } });
      const { link, closed } = await relay.raw(version);
      const caps = capsOf(version);
      const long = "nine_char";
      const requests: OpeningRequest[] = [
        { kind: "announce", prefix: long, excludeHop: 0n, ended: false },
        { kind: "subscribe", id: 0, path: long, track: TRACK, epoch: 0n, ...LIVE },
        { kind: "subscribe", id: 1, path: "a", track: long, epoch: 0n, ...LIVE },
        { kind: "fetch", path: long, track: TRACK, epoch: 0n, priority: 0, group: 0 },
        { kind: "fetch", path: "a", track: long, epoch: 0n, priority: 0, group: 0 },
      ];
      if (caps.trackStream) {
        requests.push({ kind: "track", path: long, track: TRACK, epoch: 0n });
        requests.push({ kind: "track", path: "a", track: long, epoch: 0n });
      }
      const { codes, handler } = ends();
      for (const request of requests) link.openBidi(1, handler)?.write(encodeRequest(request, caps));
      await relay.pass(200);
      const refused = `reset ${streamCodes(caps).codeOf("limit")}`;
      assert.equal(codes.filter((code) => code === refused).length, requests.length);
      const names = caps.trackStream ? 3 : 2;
      assert.equal(relay.counters.boundsHit.track_name_bytes, names);
      assert.equal(relay.counters.boundsHit.path_bytes, requests.length - names);
      assert.equal(relay.counters.protocolViolations, 0);
      assert.deepEqual(closed, []);
    });

    it("announcements whose path is too long, which count for the bound on live announcements", async () => {
      const caps = capsOf(version);
      if (!caps.announceIds) return;
      const relay = await TestRelay.start({ session: { pathBytes: 8, announcementsPerSession: 10 } });
      const { closed } = await relay.raw(version, (stream) => {
        const fields = { hops: [], epoch: 0n, ended: false, cost: 0, suffix: "nine_char" };
        stream.write(encodeAnnounceOk({ hop: 5n, active: 0 }, caps));
        for (let id = 0; id < 30; id++) {
          stream.write(encodeAnnouncement({ kind: "start", ...fields }, caps));
          if (id < 20) stream.write(encodeAnnouncement({ kind: "end", id, suffix: "nine_char" }, caps));
        }
        relay.clock.timer(100, () => stream.write(encodeAnnouncement({ kind: "start", ...fields }, caps)));
      });
      await relay.pass(50);
      assert.equal(relay.counters.boundsHit.announcements_per_session, 0);
      await relay.pass(500);
      assert.equal(relay.counters.boundsHit.announcements_per_session, 1);
      assert.equal(closed.length, 0);
    });

    it("announcements beyond the bound of a session; those below it stay and may end", async () => {
      const relay = await TestRelay.start({ session: { announcementsPerSession: 2 } });
      const caps = capsOf(version);
      const { closed } = await relay.raw(version, (stream) => {
        const say = (message: Parameters<typeof encodeAnnouncement>[0]) =>
          stream.write(encodeAnnouncement(message, caps));
        const fields = { hops: caps.announceOk ? [] : [5n], epoch: 0n, ended: false, cost: 0 };
        if (caps.announceOk) stream.write(encodeAnnounceOk({ hop: 5n, active: 3 }, caps));
        for (const suffix of ["a", "b", "c"]) say({ kind: "start", suffix, ...fields });
        relay.clock.timer(100, () => {
          say({ kind: "end", id: 2, suffix: "c" });
          say({ kind: "end", id: 0, suffix: "a" });
          say({ kind: "start", suffix: "d", ...fields });
        });
      });
      const paths = () => [...relay.broadcasts.list()].map(({ path }) => path).toSorted();
      await relay.pass(50);
      assert.deepEqual(paths(), ["a", "b"]);
      await relay.pass(500);
      assert.deepEqual(paths(), ["b", "d"], "the place of an ended announcement is used again");
      assert.equal(relay.counters.boundsHit.announcements_per_session, 1);
      assert.equal(relay.counters.protocolViolations, 0);
      assert.deepEqual(closed, []);
    });

    it("an announcement whose path is too long; the publisher's other broadcasts stay", async () => {
      const relay = await TestRelay.start({ session: { pathBytes: 8 } });
      const caps = capsOf(version);
      const { link, closed } = await relay.raw(version, (stream) => {
        const say = (message: Parameters<typeof encodeAnnouncement>[0]) =>
          stream.write(encodeAnnouncement(message, caps));
        const fields = { hops: caps.announceOk ? [] : [5n], epoch: 0n, ended: false, cost: 0 };
        if (caps.announceOk) stream.write(encodeAnnounceOk({ hop: 5n, active: 3 }, caps));
        for (const suffix of ["first", "nine_char", "second"]) say({ kind: "start", suffix, ...fields });
        say({ kind: "end", id: 1, suffix: "nine_char" });
        say({ kind: "end", id: 0, suffix: "first" });
      });
      await relay.pass(500);
      assert.deepEqual(
        [...relay.broadcasts.list()].map((broadcast) => broadcast.path),
        ["second"],
      );
      assert.ok(relay.counters.boundsHit.path_bytes >= 1);
      assert.equal(relay.counters.protocolViolations, 0);
      assert.deepEqual(closed, []);
      assert.equal(link.ended, false);
    });
  });
}
