/** Control messages that an independent codec made are read, and written again byte for byte. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RequestKind } from "../../../moq/wire/ietf/index.ts";
import { encodeMessage } from "../../../moq/wire/ietf/index.ts";
import { bytes, concat, hex } from "../support/bytes.ts";
import { ORACLE_VECTORS, type OracleVector } from "../support/oracle-vectors.ts";
import type { Conversation } from "./support/arbitraries.ts";
import { draft } from "./support/data.ts";
import { readAll } from "./support/streams.ts";

interface Setting extends Pick<Conversation, "place" | "request"> {
  /** Only a server may send it. */
  readonly server?: boolean;
  /** The messages that come before it, by the names of vectors. */
  readonly after?: readonly string[];
}

const REQUEST: Setting = { place: "requests" };

function answer(request: RequestKind, ...after: readonly string[]): Setting {
  return { place: "answers", request, after };
}

/** Where a message of that type may come. */
const SETTINGS: Record<string, Setting> = {
  setup: { place: "control" },
  goaway: { place: "control", server: true, after: ["setup without options"] },
  subscribe: REQUEST,
  publish: REQUEST,
  fetch: REQUEST,
  track_status: REQUEST,
  publish_namespace: REQUEST,
  subscribe_namespace: REQUEST,
  subscribe_tracks: REQUEST,
  request_update: { place: "requests", after: ["subscribe"] },
  request_ok: answer("publishNamespace"),
  request_error: answer("subscribe"),
  subscribe_ok: answer("subscribe"),
  publish_done: answer("subscribe", "subscribe_ok"),
  publish_state_notify: answer("subscribe", "subscribe_ok"),
  fetch_ok: answer("fetch"),
  namespace: answer("subscribeNamespace", "request_ok"),
  namespace_done: answer("subscribeNamespace", "request_ok", "namespace"),
  publish_blocked: answer("subscribeTracks", "request_ok"),
  publish_skipped: answer("subscribeTracks", "request_ok"),
};

/** Vectors that come elsewhere than others of their type. */
const NAMED: Record<string, Setting> = {
  "goaway of a request": { place: "requests", server: true, after: ["publish"] },
  "request_error with redirect": { ...answer("subscribe"), server: true },
  "request_ok with expiry": answer("publish"),
  "request_ok of a track status": answer("trackStatus"),
};

/** What is not written again: options that this relay does not know are ignored. */
const NOT_WRITTEN = ["setup with every option and one unknown"];

for (const number of [18, 20, 22]) {
  const caps = draft(number);
  const vectors = ORACLE_VECTORS.filter((vector) => vector.draft === number && vector.kind === "control");

  const named = (name: string): Uint8Array => {
    const vector = vectors.find((one) => one.name === name);
    assert.ok(vector, name);
    return bytes(vector.hex);
  };

  const run = ({ name, hex: digits, decoded }: OracleVector) => {
    const setting = NAMED[name] ?? SETTINGS[String(decoded["type"])];
    assert.ok(setting);
    const before = (setting.after ?? []).map(named);
    const all = concat(...before, bytes(digits));
    // The type of a control stream, which is that of SETUP, is read before.
    const stream = setting.place === "control" ? all.subarray(2) : all;
    for (const sizes of [[], [1], [3, 7]]) {
      const messages = readAll(
        { ...setting, from: setting.server === true ? "server" : "client" },
        stream,
        caps,
        sizes,
      );
      assert.equal(messages.length, before.length + 1);
      const message = messages.at(-1);
      assert.ok(message);
      if (!NOT_WRITTEN.includes(name)) assert.equal(hex(encodeMessage(message, caps)), digits);
    }
  };

  describe(`draft ${number}`, () => {
    for (const vector of vectors) test(vector.name, () => run(vector));
  });
}
