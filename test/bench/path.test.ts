import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseFanout } from "../../bench/options.ts";
import { capacityBytes, parsePath, UdpPath } from "../../lab/path/index.ts";
import { Shaper } from "../../lab/path/shaper.ts";
import { seededRandom } from "../../lab/random.ts";
import { until } from "../support/until.ts";
import { refusedBy } from "../support/usage.ts";

const refused = refusedBy(parseFanout);

/** What becomes of `count` packets of 1,000 bytes, one each millisecond: its delay, or undefined. */
function delays(spec: string, count: number, bytes = 1_000): (number | undefined)[] {
  const path = parsePath(spec);
  const shaper = new Shaper(path, seededRandom(path.seed));
  return Array.from({ length: count }, (_, ms) => shaper.pass(ms, bytes, 0));
}

const share = (list: readonly (number | undefined)[]) => list.filter((one) => one === undefined).length / list.length;

describe("the description of a path", () => {
  it("has a value for each key", () => {
    assert.deepEqual(parsePath("delay=20 loss=0.05 burst=4 reorder=0.2 jitter=15 rate=7,3@5 outage=5@1 seed=9"), {
      delay: 20,
      jitter: 15,
      loss: 0.05,
      burst: 4,
      reorder: 0.2,
      reorderBy: 30,
      rate: [
        { at: 0, mbps: 7 },
        { at: 5, mbps: 3 },
      ],
      queue: 200,
      outage: { at: 1, seconds: 5 },
      seed: 9,
    });
    assert.deepEqual(parsePath("outage=2").outage, { at: 2, seconds: 2 });
  });

  it("is refused with what is expected", () => {
    refused(/--path: "lose" is unknown; use delay, jitter, loss/, "--path", "lose=1");
    refused(/--path: loss: expected a share from 0 to 1, not "5"/, "--path", "loss=5");
    refused(/--path: loss=1 lets nothing through/, "--path", "loss=1");
    refused(/--path: delay is given twice/, "--path", "delay=1 delay=2");
    refused(/--path: expected at least one KEY=VALUE/, "--path", " ");
    refused(/--path: expected delay=VALUE, not "delay"/, "--path", "delay");
    refused(/--publisher-path: rate: expected Mbit\/s/, "--publisher-path", "rate=3@5,2@4");
    refused(/--path: after the outage, 3 s of the window must be left/, "--path", "outage=6", "--seconds", "10");
    refused(/--path carries QUIC only/, "--path", "delay=1", "--url", "ws://localhost:1/");
    refused(/needs --fingerprint or --insecure/, "--path", "delay=1", "--url", "https://a/");
  });

  it("is read or refused with an Error, whatever is written", () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom("delay=", "rate=1@", "outage=@", "loss=0.1", "__proto__=1", "rate=1,2"),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        try {
          parsePath(words.join(" "));
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
        }
      }),
    );
  });

  it("says how much the path can carry", () => {
    assert.equal(capacityBytes(parsePath("rate=8"), 10), 10_000_000);
    assert.equal(capacityBytes(parsePath("rate=8,4@5"), 10), 7_500_000);
    assert.equal(capacityBytes(parsePath("rate=8,4@5 outage=2@4"), 10), 6_000_000);
    assert.equal(capacityBytes(parsePath("delay=8"), 10), Number.POSITIVE_INFINITY);
  });
});

describe("a direction of a path", () => {
  it("is the same for the same seed", () => {
    const spec = "delay=5 jitter=9 loss=0.1 burst=3 reorder=0.1";
    assert.deepEqual(delays(`${spec} seed=4`, 500), delays(`${spec} seed=4`, 500));
    assert.notDeepEqual(delays(`${spec} seed=4`, 500), delays(`${spec} seed=5`, 500));
  });

  it("loses the share that is asked for, one by one or in bursts", () => {
    for (const burst of [1, 4]) {
      const found = delays(`loss=0.05 burst=${burst}`, 100_000);
      assert.ok(Math.abs(share(found) - 0.05) < 0.006, `${share(found)} lost`);
      const begins = found.filter((one, at) => one === undefined && found[at - 1] !== undefined).length;
      const length = (share(found) * found.length) / begins;
      assert.ok(Math.abs(length - burst) < 0.3 * burst, `${length} in a row`);
    }
  });

  it("keeps the order in spite of jitter, but not of what it reorders", () => {
    const arrivals = (spec: string) => delays(spec, 5_000).map((delay, ms) => ms + (delay ?? Number.NaN));
    const ordered = arrivals("delay=10 jitter=15");
    assert.ok(ordered.every((at, index) => index === 0 || at >= (ordered[index - 1] ?? 0)));
    assert.ok(ordered.every((at, ms) => at >= ms + 10 && at <= ms + 25));
    const mixed = arrivals("delay=10 reorder=0.2 reorder-by=30");
    const late = mixed.filter((at, index) => at > Math.min(...mixed.slice(index + 1, index + 31)));
    assert.ok(Math.abs(late.length / mixed.length - 0.2) < 0.03, `${late.length} of ${mixed.length} overtaken`);
  });

  it("queues at its bottleneck, and drops what would wait too long", () => {
    // 8 Mbit/s arrive, 4 pass.
    const found = delays("rate=4 queue=100", 10_000);
    assert.ok(Math.abs(share(found) - 0.5) < 0.02, `${share(found)} dropped`);
    assert.ok(found.every((delay) => delay === undefined || delay <= 102));
  });

  it("lets nothing through while it is dark", () => {
    const found = delays("outage=0.5@1", 2_000);
    assert.equal(found.indexOf(undefined), 1_000);
    assert.equal(found.lastIndexOf(undefined), 1_499);
    assert.equal(share(found), 0.25);
  });
});

describe("a path between sockets", () => {
  async function socket(): Promise<Socket> {
    const made = createSocket("udp4");
    made.bind(0, "127.0.0.1");
    await once(made, "listening");
    return made;
  }

  it("carries packets of each client both ways, and counts them", async () => {
    const target = await socket();
    target.on("message", (packet, { port, address }) => target.send(`${packet} back`, port, address));
    const path = await UdpPath.open({ spec: parsePath("delay=5"), target: target.address() });
    const clients = [await socket(), await socket()];
    const got: string[] = [];
    for (const [index, client] of clients.entries()) {
      client.on("message", (packet) => got.push(`${index}: ${packet}`));
      client.send(`hello ${index}`, path.port, "127.0.0.1");
    }
    await until(() => got.length === 2);
    assert.deepEqual(got.toSorted(), ["0: hello 0 back", "1: hello 1 back"]);
    assert.deepEqual([path.counts.up.passed, path.counts.down.passed, path.counts.refused], [2, 2, 0]);
    path.close();
    for (const each of [target, ...clients]) each.close();
  });

  it("is dark from the moment that is asked for", async () => {
    const target = await socket();
    const path = await UdpPath.open({ spec: parsePath("outage=60@0"), target: target.address() });
    const client = await socket();
    const got: string[] = [];
    target.on("message", (packet) => got.push(String(packet)));
    client.send("before", path.port, "127.0.0.1");
    await until(() => got.length === 1);
    path.begin(0);
    client.send("in the dark", path.port, "127.0.0.1");
    await until(() => path.counts.up.dark === 1);
    assert.deepEqual(got, ["before"]);
    path.close();
    for (const each of [target, client]) each.close();
  });
});
