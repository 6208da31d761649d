import assert from "node:assert/strict";
import { test } from "node:test";
import { Places } from "../../auth/index.ts";

/** Takes a place under a name, which is written down when the place is lost. */
function takers(max: number) {
  const places = new Places(max);
  const cut: string[] = [];
  const take = (address: string, name: string) => places.take(address, () => void cut.push(name));
  return { places, cut, take };
}

test("one address may have every place while no other asks for one", () => {
  const { places, cut, take } = takers(3);
  for (const name of ["a", "b", "c"]) assert.ok(take("192.0.2.1", name));
  assert.equal(take("192.0.2.1", "d"), undefined);
  assert.deepEqual([places.taken, cut], [3, []]);
});

test("at the bound a new client gets the oldest place of the address with the most", () => {
  const { places, cut, take } = takers(4);
  for (const name of ["a", "b", "c"]) take("192.0.2.1", name);
  take("192.0.2.2", "d");
  assert.ok(take("192.0.2.3", "e"));
  assert.deepEqual(cut, ["a"]);
  assert.equal(take("192.0.2.1", "f"), undefined, "no address holds more than it does");
  assert.ok(take("192.0.2.3", "g"));
  assert.ok(take("192.0.2.4", "h"));
  assert.deepEqual([places.taken, cut], [4, ["a", "b", "e"]]);
});

test("addresses of one IPv6 /64 count as one, and so does an IPv4 address however it is written", () => {
  const { cut, take } = takers(2);
  take("2001:db8::1", "a");
  take("2001:db8::2", "b");
  assert.equal(take("2001:db8::3", "c"), undefined);
  assert.ok(take("2001:db8:0:1::1", "d"));
  assert.deepEqual(cut, ["a"]);
  const mapped = takers(1);
  mapped.take("192.0.2.1", "a");
  assert.equal(mapped.take("::ffff:192.0.2.1", "b"), undefined);
});

test("a place that is released twice becomes free once", () => {
  const { places, cut, take } = takers(2);
  const leave = take("192.0.2.1", "a");
  take("192.0.2.1", "b");
  leave?.();
  leave?.();
  assert.equal(places.taken, 1);
  assert.ok(take("192.0.2.1", "c"));
  assert.ok(take("192.0.2.2", "d"));
  assert.deepEqual(cut, ["b"]);
});
