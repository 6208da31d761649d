import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinkHandler, Listener, ListenOptions } from "../../moq/link.ts";
import type { Native } from "../../transport/native/addon.ts";
import { NativeEngine } from "../../transport/native/engine.ts";
import { Lane } from "../../transport/native/lane.ts";
import { type EndRecord, FIGURES, KIND, type MetaRecord } from "../../transport/native/records.ts";
import { testCertificate } from "../support/certificate.ts";

/** The next turn of the event loop. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Milliseconds of a step; two of them are more than the share of a turn. */
const STEP_MS = 1.5;

test("steps run at once until the share of the turn is spent, the rest in later turns, in their order", async () => {
  let now = 0;
  const lane = new Lane(() => now);
  const ran: number[] = [];
  for (let step = 0; step < 7; step++) {
    lane.add(() => {
      ran.push(step);
      now += STEP_MS;
    });
  }
  assert.deepEqual(ran, [0, 1]);
  assert.equal(lane.waiting, 5);
  await turn();
  assert.deepEqual(ran, [0, 1, 2, 3]);
  lane.add(() => ran.push(7));
  assert.deepEqual(ran, [0, 1, 2, 3], "a new step waits behind the older ones");
  await turn();
  await turn();
  assert.deepEqual(ran, [0, 1, 2, 3, 4, 5, 6, 7]);
  await turn();
  lane.add(() => ran.push(8));
  assert.equal(ran.at(-1), 8, "nothing is spent of a new turn");
});

test("a step may add another one, which is a part of it unless others wait", async () => {
  let now = 0;
  const lane = new Lane(() => now);
  const ran: string[] = [];
  const step = (name: string) => () => {
    now += STEP_MS;
    lane.add(() => ran.push(`${name}, second part`));
    ran.push(name);
  };
  for (const name of ["a", "b", "c"]) lane.add(step(name));
  assert.deepEqual(ran, ["a, second part", "a", "b, second part", "b"]);
  lane.add(step("d"));
  await turn();
  await turn();
  assert.deepEqual(ran.slice(4), ["c", "d", "c, second part", "d, second part"]);
});

test("thousands of steps that wait run in their order, while others are added", async () => {
  let now = 0;
  const lane = new Lane(() => now);
  const ran: number[] = [];
  let added = 0;
  const add = (count: number) => {
    for (let step = 0; step < count; step++) {
      const number = added++;
      lane.add(() => {
        ran.push(number);
        now += 0.01;
      });
    }
  };
  add(3_000);
  while (lane.waiting > 0) {
    await turn();
    if (added < 6_000) add(100);
  }
  assert.deepEqual(
    ran,
    Array.from({ length: added }, (_, number) => number),
  );
});

test("a step that throws costs no other one", () => {
  let now = 0;
  const lane = new Lane(() => now);
  const ran: string[] = [];
  assert.throws(() => {
    lane.add(() => {
      now += STEP_MS;
      throw new Error("a defect");
    });
  }, /a defect/);
  for (const name of ["a", "b"]) {
    lane.add(() => {
      ran.push(name);
      now += STEP_MS;
    });
  }
  assert.deepEqual([ran, lane.waiting], [["a"], 1]);
});

interface Event {
  readonly kind: number;
  readonly link: number;
  readonly other: number;
  readonly text?: string;
}

const META: MetaRecord = {
  binding: "webtransport",
  protocol: "moq-lite-04",
  authority: "localhost",
  path: "/",
  query: "",
  headers: [],
  address: "192.0.2.1",
  port: 4443,
};
const END: EndRecord = { by: "remote", code: 0, reason: "", figures: Array.from({ length: FIGURES }, () => 0) };

const LISTENER = 1;
const request = (link: number): Event => ({
  kind: KIND.request,
  link,
  other: LISTENER,
  text: JSON.stringify({ ...META, path: `/${link}` }),
});
const data = (link: number, stream: number): Event => ({ kind: KIND.data, link, other: stream, text: "frame" });
const uni = (link: number, stream: number): Event => ({ kind: KIND.uni, link, other: stream });
const closed = (link: number): Event => ({ kind: KIND.closed, link, other: 0, text: JSON.stringify(END) });

/**
 * An engine without a binary. Each request, and each beginning and end of a link, takes a step's time; `happened` is what the program sees, in its order.
 * `requests` accept those that it has not accepted at once.
 */
async function scripted(atOnce = true) {
  let now = 0;
  let wake = () => {};
  let waiting: Event[] = [];
  const happened: string[] = [];
  const requests: (() => void)[] = [];
  const given: Partial<Native> = {
    poll: (records, bytes) => {
      let used = 0;
      const events = waiting;
      waiting = [];
      for (const [index, { kind, link, other, text = "" }] of events.entries()) {
        const { written } = new TextEncoder().encodeInto(text, bytes.subarray(used));
        records.set([kind, link, other, used, written], 5 * index);
        used += written;
      }
      return events.length;
    },
    listen: () => (LISTENER << 16) | 4443,
    accept: () => {},
    flush: () => {},
    ref: () => {},
    unref: () => {},
    closeListener: () => {},
  };
  const native = new Proxy(given, {
    get: (target, name) => Reflect.get(target, name) ?? (() => assert.fail(`${String(name)} is not called here`)),
  }) as Native;
  const unused = () => assert.fail("not called here");
  const engine = new NativeEngine(
    { clock: { now: () => now, timer: unused, soon: unused }, warn: unused },
    (called) => {
      wake = called;
      return native;
    },
  );
  const certificate = await testCertificate();
  const options: ListenOptions = {
    host: "127.0.0.1",
    port: 0,
    protocols: ["moq-lite-04"],
    certificate,
    limits: { uniStreams: 8, bidiStreams: 8, idleTimeoutMs: 1000, keepAliveMs: 100, queueMark: 1000 },
  };
  const handler = (path: string): LinkHandler => ({
    uni: () => ({
      data: () => happened.push(`frame of ${path}`),
      fin: unused,
      reset: unused,
    }),
    bidi: unused,
    datagram: unused,
    capacity: unused,
    backlog: unused,
    drained: unused,
    closed: () => {
      now += STEP_MS;
      happened.push(`end of ${path}`);
    },
  });
  const listener: Listener = await engine.listen(options, (request) => {
    const { path } = request.info;
    now += STEP_MS;
    happened.push(`request of ${path}`);
    const begin = () => {
      now += STEP_MS;
      happened.push(`begin of ${path}`);
      return handler(path);
    };
    const gone = () => {
      happened.push(`${path} has gone`);
    };
    if (atOnce) request.accept(() => handler(path), gone);
    else requests.push(() => request.accept(begin, gone));
  });
  return {
    happened,
    requests,
    listener,
    /** The engine has these events. */
    come: (...events: Event[]) => {
      waiting.push(...events);
      wake();
    },
  };
}

test("media does not wait until all sessions that begin have begun", async () => {
  const { come, happened } = await scripted();
  come(request(1), uni(1, 100));
  await turn();
  happened.splice(0);
  come(...[2, 3, 4, 5, 6, 7].map(request), data(1, 100));
  await turn();
  come(data(1, 100));
  await turn();
  assert.deepEqual(happened, [
    ...["request of /2", "request of /3", "frame of /1"],
    ...["request of /4", "request of /5", "frame of /1"],
    ...["request of /6", "request of /7"],
  ]);
});

test("sessions that end wait for media as well, and those that come back begin after they have ended", async () => {
  const { come, happened } = await scripted();
  for (const link of [1, 2, 3, 4]) {
    come(request(link));
    await turn();
  }
  come(uni(4, 100));
  happened.splice(0);
  come(closed(1), closed(2), closed(3), request(5), data(4, 100));
  for (let turns = 0; turns < 5; turns++) await turn();
  assert.deepEqual(happened, ["end of /1", "end of /2", "frame of /4", "end of /3", "request of /5"]);
});

test("a client that has left is not offered any more", async () => {
  const { come, happened } = await scripted();
  come(request(1), request(2), request(3), closed(3));
  await turn();
  assert.deepEqual(happened, ["request of /1", "request of /2"]);
});

test("a client that leaves before it is accepted has gone", async () => {
  const { come, happened, requests } = await scripted(false);
  for (const link of [1, 2, 3]) {
    come(request(link));
    await turn();
  }
  happened.splice(0);
  for (const one of requests) one();
  come(closed(3));
  await turn();
  assert.deepEqual(happened, ["begin of /1", "begin of /2", "/3 has gone"]);
});

test("a listener is closed when its sessions have ended", async () => {
  const { come, happened, listener } = await scripted();
  for (const link of [1, 2, 3]) {
    come(request(link));
    await turn();
  }
  happened.splice(0);
  const done = listener.close().then(() => happened.push("closed"));
  come(closed(1), closed(2), closed(3), { kind: KIND.listenerClosed, link: 0, other: LISTENER });
  await done;
  assert.deepEqual(happened, ["end of /1", "end of /2", "end of /3", "closed"]);
});
