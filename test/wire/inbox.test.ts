/** The bytes that a reader keeps of an incomplete message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Inbox } from "../../moq/wire/codec/inbox.ts";
import { QUIC_VARINTS } from "../../moq/wire/codec/quic-varint.ts";
import { feed } from "./support/bytes.ts";

test("bytes are taken in the order in which they were pushed, whatever the pieces", () => {
  const size = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 600 }),
      fc.array(size, { minLength: 1, maxLength: 6 }),
      fc.array(size, { minLength: 1, maxLength: 6 }),
      (all, pushes, takes) => {
        const inbox = new Inbox(QUIC_VARINTS);
        const out: number[] = [];
        let next = 0;
        feed(all, pushes, (piece) => {
          inbox.push(piece);
          for (;;) {
            const taken = inbox.take(takes[next % takes.length] ?? 1);
            if (taken === undefined) break;
            out.push(...taken);
            next++;
          }
          inbox.keep();
        });
        out.push(...(inbox.take(inbox.left) ?? []));
        assert.deepEqual(out, [...all]);
      },
    ),
  );
});

test("the pushed memory may change after `keep`", () => {
  const inbox = new Inbox(QUIC_VARINTS);
  const pushed = Uint8Array.of(0x40, 1, 2);
  inbox.push(pushed);
  assert.equal(inbox.varint(), 1);
  inbox.keep();
  pushed.fill(0xff);
  assert.deepEqual(inbox.take(1), Uint8Array.of(2));
  assert.equal(inbox.take(1), undefined);
  assert.equal(inbox.varint(), undefined);
});

test("a varint is taken when it is complete", () => {
  const inbox = new Inbox(QUIC_VARINTS);
  for (const byte of [0x80, 0x00, 0x40]) {
    inbox.push(Uint8Array.of(byte));
    assert.equal(inbox.varint(), undefined);
    inbox.keep();
  }
  inbox.push(Uint8Array.of(0x01, 0x07));
  assert.equal(inbox.varint(), 0x4001);
  assert.equal(inbox.varint(), 7);
  assert.equal(inbox.left, 0);
});
