/** The newest group of a track, as `moqmesh fetch` asks for it, in one subgroup or several. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { SubgroupWriter, UpstreamSink } from "../../moq/model/contract.ts";
import { collectNewestGroup } from "../../relay/client/newest-group.ts";

function scene(maxBytes = 1_000) {
  const clock = new ManualClock();
  const log: string[] = [];
  let sink: UpstreamSink | undefined;
  const cancel = collectNewestGroup(
    {
      clock,
      maxBytes,
      begin: () => {},
      done: (group, result) =>
        log.push(
          `${group} ${typeof result === "string" ? result : result.map(({ payload }) => Buffer.from(payload).toString()).join("|")}`,
        ),
      fail: (reason) => log.push(`failed: ${reason}`),
    },
    (given) => {
      sink = given;
      return { update: () => {}, cancel: () => log.push("unsubscribed") };
    },
  );
  if (sink === undefined) throw new Error("no subscription");
  const upstream = sink;
  const open = (group: number, subgroup: number, endsGroup: boolean): SubgroupWriter => {
    const writer = upstream.subgroup({ group, subgroup, firstObject: true, endsGroup });
    if (typeof writer === "string") throw new Error(writer);
    return writer;
  };
  return { clock, log, upstream, open, cancel };
}

function write(writer: SubgroupWriter, id: number, text: string): void {
  writer.object(text.length, undefined, id);
  writer.payload(Buffer.from(text));
  writer.end();
}

describe("the newest group", () => {
  it("of one subgroup is whole with its end, and a later group is refused", () => {
    const { log, open, upstream, cancel } = scene();
    const writer = open(4, 0, true);
    write(writer, 0, "a");
    write(writer, 1, "b");
    assert.deepEqual(log, []);
    writer.finish();
    assert.deepEqual(log, ["4 a|b"]);
    assert.equal(upstream.subgroup({ group: 5, subgroup: 0, firstObject: true, endsGroup: true }), "cancelled");
    cancel();
    assert.deepEqual(log, ["4 a|b", "unsubscribed"]);
  });

  it("of several subgroups has its objects in their order, whichever subgroup ends first", () => {
    const { log, open } = scene();
    const [base, more] = [open(4, 0, true), open(4, 1, true)];
    write(more, 1, "b");
    write(base, 0, "a");
    write(base, 2, "c");
    base.finish();
    assert.deepEqual(log, []);
    more.finish();
    assert.deepEqual(log, ["4 a|b|c"]);
  });

  it("whose end is not said is whole when a later group begins", () => {
    const { log, open, upstream } = scene();
    const writer = open(4, 0, false);
    write(writer, 0, "a");
    writer.finish();
    assert.deepEqual(log, []);
    assert.equal(upstream.subgroup({ group: 5, subgroup: 0, firstObject: true, endsGroup: false }), "cancelled");
    assert.deepEqual(log, ["4 a"]);
  });

  it("whose end is not said is whole when nothing more comes for a while, and not while a subgroup is open", () => {
    const { clock, log, open } = scene();
    const first = open(4, 0, false);
    write(first, 0, "a");
    first.finish();
    clock.advance(400);
    const second = open(4, 1, false);
    clock.advance(5_000);
    assert.deepEqual(log, []);
    write(second, 1, "b");
    second.finish();
    clock.advance(500);
    assert.deepEqual(log, ["4 a|b"]);
  });

  it("fails when it is too large over all subgroups, is reset, or never begins", () => {
    const large = scene(3);
    const first = large.open(4, 0, false);
    write(first, 0, "ab");
    first.finish();
    const second = large.open(4, 1, true);
    write(second, 1, "cd");
    assert.deepEqual(large.log, ["4 limit"]);
    const reset = scene();
    reset.open(4, 0, true).reset("expired");
    assert.deepEqual(reset.log, ["4 expired"]);
    const none = scene();
    none.upstream.closed(undefined);
    assert.deepEqual(none.log, ["failed: not_found"]);
  });

  it("of a datagram is that datagram", () => {
    const { log, upstream } = scene();
    const object = { group: 7, object: 0, timestamp: 1, properties: undefined, endsGroup: true };
    upstream.datagram({ ...object, payload: Buffer.from("d") });
    assert.deepEqual(log, ["7 d"]);
  });
});
