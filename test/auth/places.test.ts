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

test("one address may have every place while no other asks for one, and then its newest clients have them", () => {
  const { places, cut, take } = takers(3);
  for (const name of ["a", "b", "c", "d"]) assert.ok(take("192.0.2.1", name));
  assert.deepEqual([places.taken, cut], [3, ["a"]]);
  assert.equal(
    new Places(0).take("192.0.2.1", () => {}),
    undefined,
  );
});

test("at the bound a new client gets the oldest place of the address with the most", () => {
  const { places, cut, take } = takers(4);
  for (const name of ["a", "b", "c"]) take("192.0.2.1", name);
  take("192.0.2.2", "d");
  assert.ok(take("192.0.2.3", "e"));
  assert.deepEqual(cut, ["a"]);
  assert.ok(take("192.0.2.1", "f"));
  assert.deepEqual(cut, ["a", "b"], "no address holds more than it does");
  assert.ok(take("192.0.2.3", "g"));
  assert.ok(take("192.0.2.4", "h"));
  assert.deepEqual([places.taken, cut], [4, ["a", "b", "c", "e"]]);
});

test("addresses of one IPv6 /64 count as one, and so does an IPv4 address however it is written", () => {
  const { cut, take } = takers(2);
  take("2001:db8::1", "a");
  take("2001:db8:0:1::1", "b");
  assert.ok(take("2001:db8::3", "c"));
  assert.deepEqual(cut, ["a"]);
  const mapped = takers(2);
  mapped.take("192.0.2.1", "a");
  mapped.take("192.0.2.2", "b");
  assert.ok(mapped.take("::ffff:192.0.2.2", "c"));
  assert.deepEqual(mapped.cut, ["b"]);
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
