/** The registries of codes, as the drafts list them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Capabilities,
  capabilities,
  type PublishDoneName,
  publishDoneCode,
  publishDoneName,
  type RequestErrorName,
  type ResetName,
  requestErrorCode,
  requestErrorName,
  resetCode,
  resetName,
  type TerminationName,
  terminationCode,
  terminationName,
} from "../../../moq/wire/ietf/index.ts";
import { capsOf } from "./support/streams.ts";

/** `name number` for each code of draft 18. */
const TERMINATIONS: readonly (readonly [TerminationName, number])[] = [
  ["no_error", 0],
  ["internal_error", 1],
  ["protocol_violation", 3],
  ["key_value_formatting_error", 6],
  ["invalid_path", 8],
  ["goaway_timeout", 0x10],
  ["auth_token_cache_overflow", 0x13],
  ["version_negotiation_failed", 0x15],
  ["malformed_authority", 0x1a],
];
const REQUEST_ERRORS: readonly (readonly [RequestErrorName, number])[] = [
  ["internal_error", 0],
  ["timeout", 2],
  ["expired_auth_token", 5],
  ["going_away", 6],
  ["excessive_load", 9],
  ["does_not_exist", 0x10],
  ["invalid_range", 0x11],
  ["duplicate_subscription", 0x19],
  ["prefix_overlap", 0x30],
  ["namespace_too_large", 0x31],
  ["invalid_joining_request_id", 0x32],
  ["unsupported_extension", 0x33],
  ["redirect", 0x34],
];
const PUBLISH_DONES: readonly (readonly [PublishDoneName, number])[] = [
  ["track_ended", 2],
  ["subscription_ended", 3],
  ["going_away", 4],
  ["too_far_behind", 5],
  ["expired", 6],
  ["update_failed", 8],
  ["malformed_track", 0x12],
];
const RESETS: readonly (readonly [ResetName, number])[] = [
  ["cancelled", 1],
  ["delivery_timeout", 2],
  ["unknown_object_status", 6],
  ["expired_auth_token", 7],
  ["malformed_track", 0x12],
];

const caps = capabilities("moqt-18");
assert.ok(caps);

function both<Name extends string>(
  what: string,
  codes: readonly (readonly [Name, number])[],
  code: (name: Name, caps: Capabilities) => number,
  name: (code: number, caps: Capabilities) => Name | undefined,
): void {
  test(what, () => {
    for (const [one, number] of codes) {
      assert.equal(code(one, caps as Capabilities), number, one);
      assert.equal(name(number, caps as Capabilities), one);
    }
    // 0x9d is for greasing.
    assert.equal(name(0x9d, caps as Capabilities), undefined);
  });
}

describe("codes of moqt-18", () => {
  both("session termination", TERMINATIONS, terminationCode, terminationName);
  both("REQUEST_ERROR", REQUEST_ERRORS, requestErrorCode, requestErrorName);
  both("PUBLISH_DONE", PUBLISH_DONES, publishDoneCode, publishDoneName);
  both("stream reset", RESETS, resetCode, resetName);
});

test("a code that a draft has taken away is unknown, and is written as INTERNAL_ERROR", () => {
  const later = capabilities("moqt-22");
  assert.ok(later && caps);
  assert.equal(publishDoneName(3, later), undefined);
  assert.equal(publishDoneCode("subscription_ended", later), 0);
  assert.equal(requestErrorName(0x19, later), undefined);
  assert.equal(requestErrorName(0x36, later), "invalid_filter");
  assert.equal(requestErrorName(0x36, caps), undefined);
  assert.equal(terminationName(0x1b, later), "too_many_request_updates");
  assert.equal(terminationCode("too_many_request_updates", caps), 1);
});

test("draft 16 has codes of its own for the ends of subscriptions and streams", () => {
  const older = capsOf("moqt-16");
  assert.deepEqual(
    (["expired", "too_far_behind", "malformed_track", "excessive_load"] as const).map((name) =>
      publishDoneCode(name, older),
    ),
    [5, 6, 0x12, 0],
  );
  assert.equal(resetCode("unknown_object_status", older), 4);
  assert.equal(resetCode("going_away", older), resetCode("session_closed", older));
  assert.equal(resetCode("too_far_behind", older), resetCode("delivery_timeout", older));
  assert.equal(requestErrorCode("going_away", older), 0);
  assert.equal(requestErrorName(0x10, older), "does_not_exist");
  assert.equal(terminationName(7, older), "too_many_requests");
});

test("draft 14 has codes for each kind of request", () => {
  const oldest = capsOf("moqt-14");
  assert.equal(requestErrorName(4, oldest, "subscribe"), "does_not_exist");
  assert.equal(requestErrorName(4, oldest, "publish"), "uninterested");
  assert.equal(requestErrorName(4, oldest, "publishNamespace"), "uninterested");
  assert.equal(requestErrorName(5, oldest, "subscribeNamespace"), "prefix_overlap");
  assert.equal(requestErrorName(5, oldest, "fetch"), "invalid_range");
  assert.equal(requestErrorCode("does_not_exist", oldest, "publish"), 0);
  assert.equal(requestErrorCode("expired_auth_token", oldest, "trackStatus"), 0x12);
  assert.equal(publishDoneCode("malformed_track", oldest), 7);
  assert.equal(resetCode("malformed_track", oldest), 0);
});
