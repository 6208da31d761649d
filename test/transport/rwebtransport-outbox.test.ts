import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { PRIORITY_CONTROL } from "../../moq/link.ts";
import { Liveness, tickMs } from "../../transport/rwebtransport/liveness.ts";
import { Outbox } from "../../transport/rwebtransport/outbox.ts";
import type { Port } from "../../transport/rwebtransport/port.ts";

interface Write {
  readonly stream: number;
  readonly size: number;
  readonly request: number;
}

/** Stands for the addon: notes its commands in order. */
class NotingPort implements Port {
  readonly commands: string[] = [];
  readonly writes: Write[] = [];
  readonly bytes = new Map<number, number[]>();

  open(bidi: boolean, request: number): void {
    this.commands.push(`open ${bidi ? "bidi" : "uni"} ${request}`);
  }
  write(stream: number, bytes: Uint8Array, request: number): void {
    this.commands.push(`write ${stream} ${bytes.length}`);
    this.writes.push({ stream, size: bytes.length, request });
    this.bytes.set(stream, [...(this.bytes.get(stream) ?? []), ...bytes]);
  }
  fin(stream: number): void {
    this.commands.push(`fin ${stream}`);
  }
  reset(stream: number, code: number): void {
    this.commands.push(`reset ${stream} ${code}`);
  }
  stopSending(): void {}
  setPaused(): void {}
  sendDatagram(): void {}
  maxDatagramSize(): number {
    return 1000;
  }
  stats(): void {
    this.commands.push("stats");
  }
  close(): void {}
  release(): void {}
}

const quiet = { stop(): void {} };

function setup(): { port: NotingPort; outbox: Outbox; clock: ManualClock; ackAll: () => void } {
  const port = new NotingPort();
  const clock = new ManualClock();
  const outbox = new Outbox(port, false, () => {}, clock);
  const ackAll = (): void => {
    for (const write of port.writes.splice(0)) outbox.acked(write.request);
  };
  return { port, outbox, clock, ackAll };
}

function open(outbox: Outbox, priority: number) {
  const half = outbox.open(false, priority, quiet);
  assert.ok(half);
  return half;
}

describe("the outbox of an rwebtransport link", () => {
  test("opens, writes and finishes a stream in one call under the number that the addon will give it", () => {
    const { port, outbox } = setup();
    const half = open(outbox, 1);
    half.write(Uint8Array.of(1, 2));
    half.write(Uint8Array.of(3));
    half.finish();
    outbox.flush();
    assert.deepEqual(port.commands, ["open uni 15", "write 15 3", "fin 15"]);
    assert.deepEqual(port.bytes.get(15), [1, 2, 3]);
    open(outbox, 1);
    outbox.flush();
    assert.equal(port.commands[3], "open uni 19");
  });

  test("counts as queued what the addon has not acknowledged", () => {
    const { outbox, ackAll } = setup();
    const half = open(outbox, 1);
    half.write(new Uint8Array(100));
    assert.equal(half.queued, 100);
    outbox.flush();
    assert.deepEqual([half.queued, outbox.queued], [100, 100]);
    ackAll();
    assert.deepEqual([half.queued, outbox.queued], [0, 0]);
  });

  test("serves the highest priority first and equal ones in turn", () => {
    const { port, outbox } = setup();
    const low = open(outbox, 1);
    const high = open(outbox, 9);
    const other = open(outbox, 9);
    for (const half of [low, high, other]) half.write(new Uint8Array(20_000));
    outbox.flush();
    assert.deepEqual(
      port.commands.filter((command) => command.startsWith("open")),
      ["open uni 15", "open uni 19", "open uni 23"],
    );
    assert.deepEqual([high.nativeId, other.nativeId, low.nativeId], [15, 19, 23]);
  });

  test("gives the addon no more data than its window, and control messages always", () => {
    const { port, outbox, ackAll } = setup();
    const bulk = open(outbox, 1);
    bulk.write(new Uint8Array(10));
    outbox.flush();
    ackAll();
    bulk.write(new Uint8Array(5_000_000));
    outbox.flush();
    const given = port.writes.reduce((sum, write) => sum + write.size, 0);
    assert.ok(given >= 16 * 1024 && given <= 128 * 1024, `${given}`);
    const control = open(outbox, PRIORITY_CONTROL);
    control.write(new Uint8Array(7));
    outbox.flush();
    assert.equal(port.writes.at(-1)?.size, 7);
  });

  test("holds lower priorities back while the addon has not finished a write of a higher one", () => {
    const { port, outbox, clock } = setup();
    const high = open(outbox, 9);
    high.write(new Uint8Array(10));
    outbox.flush();
    clock.advance(10);
    const low = open(outbox, 1);
    low.write(new Uint8Array(10));
    outbox.flush();
    assert.equal(port.writes.length, 1);
    outbox.acked(port.writes[0]?.request ?? 0);
    outbox.flush();
    assert.equal(port.writes.length, 2);
    assert.equal(low.phase, "opening");
  });

  test("stops waiting for a stream that is blocked by its peer", () => {
    const { port, outbox, clock } = setup();
    const stuck = open(outbox, 9);
    stuck.write(new Uint8Array(1_000_000));
    outbox.flush();
    const low = open(outbox, 1);
    low.write(new Uint8Array(10));
    clock.advance(10);
    outbox.flush();
    assert.equal(low.phase, "unopened");
    clock.advance(250);
    outbox.flush();
    assert.equal(low.phase, "opening");
    assert.equal(port.writes.at(-1)?.size, 10);
  });

  test("does not skip a stream's number when it is reset before QUIC has opened it", () => {
    const { port, outbox, ackAll } = setup();
    const half = open(outbox, 1);
    half.write(new Uint8Array(10));
    outbox.flush();
    half.reset(7);
    assert.deepEqual([half.queued, outbox.queued, half.ended], [0, 0, true]);
    assert.ok(!port.commands.includes("reset 15 7"));
    ackAll();
    assert.equal(port.commands.at(-1), "reset 15 7");
    assert.equal(outbox.queued, 0);
  });

  test("does not call the addon for a stream that is reset before it was opened there", () => {
    const { port, outbox } = setup();
    const half = open(outbox, 1);
    half.write(new Uint8Array(10));
    half.reset(7);
    outbox.flush();
    assert.deepEqual(port.commands, []);
    assert.equal(outbox.queued, 0);
  });

  test("drops the queue of a finished stream when it is reset", () => {
    const { port, outbox, ackAll } = setup();
    const half = open(outbox, 1);
    half.write(new Uint8Array(1));
    outbox.flush();
    ackAll();
    half.write(new Uint8Array(1_000_000));
    half.finish();
    outbox.flush();
    half.reset(3);
    assert.equal(outbox.queued, 0);
    assert.equal(port.commands.at(-1), "reset 15 3");
    ackAll();
    assert.equal(outbox.queued, 0);
  });

  test("reports no capacity with 64 streams beyond the peer's limit, and capacity when half of them are open", () => {
    const { port, outbox } = setup();
    const halves = Array.from({ length: 64 }, () => open(outbox, 1));
    assert.equal(outbox.open(false, 1, quiet), undefined);
    outbox.flush();
    assert.equal(outbox.takeCapacity(), false);
    assert.ok(outbox.open(true, 1, quiet), "the other kind has its own limit");
    outbox.flush();
    for (const write of port.writes.splice(0)) outbox.acked(write.request);
    outbox.flush();
    assert.equal(outbox.takeCapacity(), true);
    assert.equal(outbox.takeCapacity(), false);
    assert.ok(halves.some((half) => half.phase === "open"));
    assert.ok(outbox.open(false, 1, quiet));
  });

  test("reports STOP_SENDING once and not after the end", () => {
    const { port, outbox, ackAll } = setup();
    const half = open(outbox, 1);
    half.write(new Uint8Array(50));
    outbox.flush();
    const request = port.writes[0]?.request ?? 0;
    assert.equal(outbox.stopped(15), quiet);
    assert.deepEqual([half.ended, half.queued, outbox.queued], [true, 0, 0]);
    assert.equal(outbox.stopped(15), undefined);
    outbox.acked(request);
    assert.equal(outbox.queued, 0);
    const finished = open(outbox, 1);
    finished.finish();
    outbox.flush();
    assert.equal(outbox.stopped(19), undefined);
    ackAll();
  });

  test("polls idle streams for STOP_SENDING less and less often", () => {
    const { port, outbox, ackAll } = setup();
    const half = open(outbox, 1);
    half.write(new Uint8Array(1));
    outbox.flush();
    ackAll();
    const asked: number[] = [];
    for (let tick = 1; tick <= 20; tick += 1) {
      outbox.tick();
      if (port.writes.length > 0) asked.push(tick);
      ackAll();
    }
    assert.deepEqual(asked, [2, 3, 5, 9, 17]);
  });

  test("passes the small writes of a turn to the addon together", () => {
    const { port, outbox } = setup();
    const half = open(outbox, 1);
    for (let i = 0; i < 10; i += 1) half.write(Uint8Array.of(i));
    half.write(new Uint8Array(8000));
    outbox.flush();
    outbox.acked(port.writes[0]?.request ?? 0);
    outbox.flush();
    assert.deepEqual(
      port.writes.map((write) => write.size),
      [8010],
    );
    assert.deepEqual(port.bytes.get(15)?.slice(0, 11), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
  });
});

describe("the FIN of a stream", () => {
  const finsOf = (port: NotingPort): string[] => port.commands.filter((command) => command.startsWith("fin"));

  test("waits until earlier data should have been acknowledged", () => {
    const { port, outbox, clock, ackAll } = setup();
    outbox.setPath(20, false);
    const half = open(outbox, 1);
    half.write(new Uint8Array(10));
    outbox.flush();
    ackAll();
    clock.advance(10);
    half.finish();
    assert.equal(half.ended, true);
    outbox.flush();
    clock.advance(40);
    outbox.flush();
    assert.deepEqual(finsOf(port), []);
    clock.advance(50);
    outbox.flush();
    assert.deepEqual(finsOf(port), ["fin 15"]);
  });

  test("waits always while packets are lost", () => {
    const { port, outbox, clock, ackAll } = setup();
    outbox.setPath(1, true);
    const half = open(outbox, 1);
    half.write(new Uint8Array(10));
    half.finish();
    outbox.flush();
    assert.deepEqual(finsOf(port), []);
    ackAll();
    outbox.flush();
    clock.advance(100);
    outbox.flush();
    assert.deepEqual(finsOf(port), ["fin 15"]);
  });

  test("is sent at once at most a hundred times between two ticks", () => {
    const { port, outbox, ackAll } = setup();
    const finish = (count: number): void => {
      for (let i = 0; i < count; i += 1) {
        const half = open(outbox, 1);
        half.write(new Uint8Array(10));
        half.finish();
        outbox.flush();
        ackAll();
      }
    };
    finish(150);
    assert.equal(finsOf(port).length, 100);
    outbox.tick();
    ackAll();
    finish(10);
    assert.equal(finsOf(port).length, 110);
  });
});

describe("a bidirectional stream whose receive half has ended", () => {
  test("is written again once an empty write was acknowledged", () => {
    const { port, outbox, ackAll } = setup();
    const half = outbox.adopt(4);
    outbox.recvEnded(half);
    half.write(new Uint8Array(10));
    outbox.flush();
    assert.deepEqual(port.commands, ["write 4 0"]);
    ackAll();
    outbox.flush();
    assert.deepEqual(port.commands, ["write 4 0", "write 4 10"]);
  });

  test("counts as stopped when the empty write is not acknowledged although the addon answers", () => {
    const { port, outbox, clock } = setup();
    const half = outbox.adopt(4);
    half.handler = quiet;
    outbox.recvEnded(half);
    half.write(new Uint8Array(10));
    clock.advance(5000);
    assert.deepEqual(outbox.tick(), []);
    assert.equal(half.ended, false, "the addon may just be slow");
    outbox.setPath(1, false);
    outbox.setPath(1, false);
    assert.deepEqual(outbox.tick(), [quiet]);
    assert.deepEqual([half.ended, half.queued, outbox.queued], [true, 0, 0]);
    assert.equal(port.commands.at(-1), "reset 4 0");
  });
});

describe("the life of an rwebtransport link", () => {
  const limits = { uniStreams: 1, bidiStreams: 1, idleTimeoutMs: 8000, keepAliveMs: 2000, queueMark: 1 };
  const stats = { type: "stats", bytesSent: 0, packetsLost: 0, smoothedRtt: 1 } as const;

  test("sends an empty reserved capsule when the peer is silent, and asks whether packets came", () => {
    const port = new NotingPort();
    const life = new Liveness(port, limits, 0);
    life.heard = false;
    const tick = tickMs(limits);
    assert.equal(tick, 1000);
    for (let now = tick; now <= 3 * tick; now += tick) assert.equal(life.tick(now), true);
    assert.deepEqual(port.bytes.get(0), [0x00, 0x02, 0x17, 0x00]);
    assert.ok(port.commands.includes("stats"));
  });

  test("ends after the idle time-out, unless packets still arrive", () => {
    const silent = new Liveness(new NotingPort(), limits, 0);
    const acking = new Liveness(new NotingPort(), limits, 0);
    let gone: number | undefined;
    for (let now = 1000; now <= 20_000; now += 1000) {
      if (gone === undefined && !silent.tick(now)) gone = now;
      acking.addStats({ ...stats, bytesReceived: now }, now);
      assert.equal(acking.tick(now), true);
    }
    assert.ok(gone !== undefined && gone >= 8000 && gone <= 11_000, `${gone}`);
  });

  test("does not end because this process was suspended", () => {
    const life = new Liveness(new NotingPort(), limits, 0);
    life.tick(1000);
    assert.equal(life.tick(31_000), true);
  });
});
