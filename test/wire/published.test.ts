/** Every message of @moq/net as published, in every version that it speaks, both ways. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeAnnouncement, encodeAnnounceOk } from "../../moq/wire/lite/announce.ts";
import { decodeDatagram, encodeDatagram } from "../../moq/wire/lite/datagram.ts";
import { encodeGroupStream } from "../../moq/wire/lite/group.ts";
import { encodeRequest } from "../../moq/wire/lite/requests.ts";
import { encodeSetupStream } from "../../moq/wire/lite/setup.ts";
import { encodeSubscribeResponse, encodeSubscribeUpdate } from "../../moq/wire/lite/subscribe.ts";
import { encodeTrackInfo } from "../../moq/wire/lite/track.ts";
import type { Capabilities } from "../../moq/wire/lite/versions.ts";
import { announceStream, requests, setups, subscribeStream, trackInfos } from "./support/arbitraries.ts";
import { bytes, capsOf, concat, hex } from "./support/bytes.ts";
import { type Codec, installed } from "./support/published.ts";
import { readAll, type StreamKind } from "./support/read.ts";

const RUNS = { numRuns: 60 };
const peers = await installed();

/** Each side reads what the other one writes, and both write the same bytes. */
async function agree<T>(
  codec: Codec<T>,
  caps: Capabilities,
  message: T,
  encode: (message: T, caps: Capabilities) => Uint8Array,
  read: (bytes: Uint8Array) => unknown,
): Promise<void> {
  const ours = encode(message, caps);
  const theirs = await codec.write(message, caps.protocol);
  assert.equal(hex(ours), hex(theirs), "both write the same");
  assert.deepEqual(read(theirs), message, "we read theirs");
  assert.deepEqual(await codec.read(ours, caps.protocol), message, "they read ours");
}

/** The last message of a stream, after the messages that must precede it. */
function last(stream: StreamKind, caps: Capabilities, before = bytes("")): (message: Uint8Array) => unknown {
  return (message) => readAll(stream, caps, concat(before, message)).at(-1);
}

test("every release line that clients use is installed", () => {
  assert.deepEqual(
    peers.map(({ name }) => name),
    ["0.1", "0.2", "0.3"],
  );
});

for (const peer of peers) {
  for (const version of peer.versions) {
    const caps = capsOf(version);

    describe(`@moq/net ${peer.name} in ${version}`, () => {
      test("requests and updates", async () => {
        await fc.assert(
          fc.asyncProperty(requests(caps), async ({ first, updates }) => {
            await agree(peer.request, caps, first, encodeRequest, last("request", caps));
            for (const update of updates) {
              const before = encodeRequest({ ...first, kind: "subscribe", ...SUBSCRIBE }, caps);
              const read = (message: Uint8Array) => {
                const { kind, ...fields } = last("request", caps, before)(message) as { kind: string };
                assert.equal(kind, "subscribeUpdate");
                return fields;
              };
              await agree(peer.update, caps, update, encodeSubscribeUpdate, read);
            }
          }),
          RUNS,
        );
      });

      test("announcements", async () => {
        const ok = caps.announceOk ? bytes("02 07 00") : bytes("");
        await fc.assert(
          fc.asyncProperty(announceStream(caps), async (messages) => {
            for (const message of messages) {
              if (message.kind !== "ok") {
                await agree(peer.announcement, caps, message, encodeAnnouncement, last("announce", caps, ok));
              } else if (message.hop !== 0n) {
                await agree(peer.ok, caps, message, encodeAnnounceOk, last("announce", caps));
              }
            }
          }),
          RUNS,
        );
      });

      test("answers to subscriptions", async () => {
        await fc.assert(
          fc.asyncProperty(subscribeStream(caps), async (messages) => {
            for (const message of messages) {
              await agree(peer.response, caps, message, encodeSubscribeResponse, last("subscribe", caps));
            }
          }),
          RUNS,
        );
      });

      test("groups", async () => {
        const header = fc.record({ subscribe: fc.nat(), sequence: fc.maxSafeNat() }, { noNullPrototype: true });
        await fc.assert(
          fc.asyncProperty(header, async (message) => {
            await agree(
              peer.group,
              caps,
              message,
              (group) => encodeGroupStream(caps, group),
              (all) => {
                const { kind, ...fields } = last("uni", caps)(all) as { kind: string };
                assert.equal(kind, "group");
                return fields;
              },
            );
          }),
          RUNS,
        );
      });

      if (caps.trackStream) {
        test("properties of tracks", async () => {
          await fc.assert(
            fc.asyncProperty(trackInfos(caps), async (info) => {
              await agree(peer.info, caps, info, encodeTrackInfo, last("track", caps));
            }),
            RUNS,
          );
        });
      }

      if (caps.setupStream) {
        test("setups", async () => {
          await fc.assert(
            fc.asyncProperty(setups(), async ({ cost: _, origin, ...rest }) => {
              // @moq/net has no cost, and no origin above 2^53-1.
              const known = origin === undefined || origin > Number.MAX_SAFE_INTEGER ? {} : { origin };
              await agree(peer.setup, caps, { ...rest, ...known }, encodeSetupStream, (all) => {
                const { kind, ...fields } = last("uni", caps)(all) as { kind: string };
                assert.equal(kind, "setup");
                return fields;
              });
            }),
            RUNS,
          );
        });
      }

      if (caps.datagrams) {
        test("datagrams", async () => {
          const number = fc.oneof(fc.nat(70), fc.maxSafeNat());
          const payload = fc.uint8Array({ maxLength: 300 });
          const datagram = fc.record(
            { subscribe: number, sequence: number, timestamp: number, payload },
            { noNullPrototype: true },
          );
          await fc.assert(
            fc.asyncProperty(datagram, (message) =>
              agree(
                peer.datagram,
                caps,
                message,
                (one) => encodeDatagram(one),
                (read) => decodeDatagram(read),
              ),
            ),
            RUNS,
          );
        });
      }
    });
  }
}

const SUBSCRIBE = { id: 0, path: "a", track: "b", epoch: 0n, priority: 0, ordered: false, maxLatency: 0 };
