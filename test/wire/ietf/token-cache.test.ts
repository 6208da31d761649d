/** Tokens that a peer registers for the rest of its session. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Token, TokenCache } from "../../../moq/wire/ietf/index.ts";

const value = (size: number, fill = 7) => new Uint8Array(size).fill(fill);
const register = (alias: number, size: number): Token => ({ use: "register", alias, type: 1, value: value(size) });
const use = (alias: number): Token => ({ use: "alias", alias });
const remove = (alias: number): Token => ({ use: "delete", alias });

function terminates(termination: string, act: () => unknown): void {
  assert.throws(act, { name: "TerminationError", termination });
}

describe("registered tokens", () => {
  test("a registered token is used by its alias until it is deleted", () => {
    const cache = new TokenCache(100);
    const expected = [{ type: 1, value: value(4) }];
    assert.deepEqual(cache.resolve([register(5, 4)]), expected);
    assert.deepEqual(cache.resolve([use(5)]), expected);
    assert.deepEqual(cache.resolve([use(5)]), expected);
    assert.deepEqual(cache.resolve([remove(5)]), []);
    terminates("unknown_auth_token_alias", () => cache.resolve([use(5)]));
  });

  test("a token by value is not kept", () => {
    const cache = new TokenCache(0);
    assert.deepEqual(cache.resolve([{ use: "value", type: 0, value: value(9) }]), [{ type: 0, value: value(9) }]);
    assert.equal(cache.bytes, 0);
  });

  test("an alias cannot be registered twice, and can be again after it was deleted", () => {
    const cache = new TokenCache(100);
    cache.resolve([register(1, 4)]);
    terminates("duplicate_auth_token_alias", () => cache.resolve([register(1, 5)]));
    cache.resolve([remove(1), register(1, 5)]);
    assert.equal(cache.bytes, 21);
  });

  test("an alias that is deleted must be registered", () => {
    terminates("unknown_auth_token_alias", () => new TokenCache(100).resolve([remove(1)]));
  });

  test("each token counts 16 bytes and its value, and the bound is exact", () => {
    const cache = new TokenCache(40);
    cache.resolve([register(1, 4)]);
    cache.resolve([register(2, 4)]);
    assert.equal(cache.bytes, 40);
    terminates("auth_token_cache_overflow", () => cache.resolve([register(3, 0)]));
    cache.resolve([remove(2)]);
    cache.resolve([register(3, 0)]);
    assert.equal(cache.bytes, 36);
  });

  test("a SETUP may register more than the bound, and what exceeds it is used once", () => {
    const cache = new TokenCache(20);
    assert.deepEqual(cache.resolveSetup([register(1, 4), register(2, 5)]), [
      { type: 1, value: value(4) },
      { type: 1, value: value(5) },
    ]);
    assert.deepEqual(cache.resolve([use(1)]), [{ type: 1, value: value(4) }]);
    terminates("unknown_auth_token_alias", () => cache.resolve([use(2)]));
  });

  test("a message may not have the same token twice, by value or by alias", () => {
    const cache = new TokenCache(100);
    cache.resolve([register(1, 4)]);
    const twice = [use(1), { use: "value" as const, type: 1, value: value(4) }];
    assert.throws(() => cache.resolve(twice), /AUTHORIZATION TOKEN: token twice/);
    assert.equal(cache.resolve([use(1), { use: "value", type: 2, value: value(4) }]).length, 2);
  });
});
