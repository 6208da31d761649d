/** Every message that a version has is read as it was written, whatever the pieces in which it arrives. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeAnnouncement, encodeAnnounceOk } from "../../moq/wire/lite/announce.ts";
import { encodeProbe } from "../../moq/wire/lite/probe.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { encodeSetupStream } from "../../moq/wire/lite/setup.ts";
import { encodeSubscribeResponse, encodeSubscribeUpdate } from "../../moq/wire/lite/subscribe.ts";
import { encodeTrackInfo } from "../../moq/wire/lite/track.ts";
import {
  announceStream,
  pieces,
  probes,
  requests,
  setups,
  subscribeStream,
  trackInfos,
} from "./support/arbitraries.ts";
import { concat, EVERY } from "./support/bytes.ts";
import { readAll } from "./support/read.ts";

for (const caps of EVERY) {
  describe(`round trips in ${caps.protocol}`, () => {
    test("requests and their updates", () => {
      fc.assert(
        fc.property(requests(caps), pieces, ({ first, updates }, sizes) => {
          const all = concat(encodeRequest(first, caps), ...updates.map((one) => encodeSubscribeUpdate(one, caps)));
          const expected = [first, ...updates.map((one) => ({ kind: "subscribeUpdate", ...one }))];
          assert.deepEqual(readAll("request", caps, all, { sizes }), expected);
        }),
      );
    });

    test("announcements", () => {
      fc.assert(
        fc.property(announceStream(caps), pieces, (messages, sizes) => {
          const encoded = messages.map((one) =>
            one.kind === "ok" ? encodeAnnounceOk(one, caps) : encodeAnnouncement(one, caps),
          );
          assert.deepEqual(readAll("announce", caps, concat(...encoded), { sizes }), messages);
        }),
      );
    });

    test("answers to subscriptions", () => {
      fc.assert(
        fc.property(subscribeStream(caps), pieces, (messages, sizes) => {
          const all = concat(...messages.map((one) => encodeSubscribeResponse(one, caps)));
          assert.deepEqual(readAll("subscribe", caps, all, { sizes }), messages);
        }),
      );
    });

    test("probes", () => {
      fc.assert(
        fc.property(fc.array(probes(caps), { maxLength: 4 }), pieces, (messages, sizes) => {
          const all = concat(...messages.map((one) => encodeProbe(one, caps)));
          assert.deepEqual(readAll("probe", caps, all, { sizes }), messages);
        }),
      );
    });

    if (caps.trackStream) {
      test("properties of tracks", () => {
        fc.assert(
          fc.property(trackInfos(caps), pieces, (info, sizes) => {
            assert.deepEqual(readAll("track", caps, encodeTrackInfo(info, caps), { sizes }), [info]);
          }),
        );
      });
    }

    if (caps.setupStream) {
      test("setups", () => {
        fc.assert(
          fc.property(setups(), pieces, (setup, sizes) => {
            const all = encodeSetupStream(setup, caps);
            assert.deepEqual(readAll("uni", caps, all, { sizes }), [{ kind: "setup", ...setup }]);
          }),
        );
      });
    }
  });
}
