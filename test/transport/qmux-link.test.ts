import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_CLOSE_REASON } from "../../moq/link.ts";
import { form, linkOf, Received, SimEnd, settle, silent, simPair } from "./qmux-sim.ts";

const bytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const hex = (message: Uint8Array) => Buffer.from(message).toString("hex");

/** A peer that takes 1 MiB, 256 KiB a stream and 100 streams of each kind, as published clients do. */
const PARAMS = bytes("ff5153300d0a0d0a 20 0404 80100000 0504 80040000 0604 80040000 0704 80040000 0802 4064 0902 4064");

/** A server that has the parameters of a peer played by the test. */
function opened(options: ConstructorParameters<typeof SimEnd>[0] = {}): SimEnd {
  const end = new SimEnd(options);
  end.take();
  end.receive(PARAMS);
  return end;
}

/** The transport error that ended a connection, as its last message says it. */
function errorCode(end: SimEnd): number | undefined {
  const last = end.take().at(-1);
  return last?.[0] === 0x1c ? last[1] : undefined;
}

test("the transport parameters are the first message, sent at once", () => {
  const [first] = new SimEnd().messages;
  assert.ok(first !== undefined && hex(first).startsWith("ff5153300d0a0d0a"));
});

test("a form without records declares no idle time-out, record size or partial reset", () => {
  const [records, plain] = ["qmux-02", "qmux-00"].map((name) => hex(new SimEnd({ form: form(name) }).messages[0]!));
  for (const param of ["010480007530", "c571c59429cd0845", "1d00"]) {
    assert.ok(records!.includes(param));
    assert.ok(!plain!.includes(param));
  }
});

test("a link is attached when the peer's parameters arrive, and streams can be opened inside `attach`", () => {
  const end = new SimEnd();
  let opensInside = false;
  end.watcher.onAttach = (link) => {
    opensInside = link.openUni(0, silent) !== undefined;
  };
  end.turn();
  assert.equal(end.watcher.link, undefined);
  end.receive(PARAMS);
  assert.ok(opensInside);
});

test("streams carry bytes, FIN, reset and stop both ways", () => {
  const { client, server } = simPair();
  const uni = linkOf(client).openUni(1, silent)!;
  const answers = new Received();
  const bidi = linkOf(server).openBidi(1, answers)!;
  uni.write(bytes("0102"));
  uni.write(bytes("03"));
  uni.finish();
  bidi.write(bytes("aa"));
  settle(client, server);
  const [first] = server.watcher.unis;
  assert.deepEqual(first?.got.bytes, [1, 2, 3]);
  assert.deepEqual(first?.got.events, ["fin"]);
  const [other] = client.watcher.bidis;
  other!.stream.write(bytes("bb"));
  other!.stream.stop(7);
  settle(client, server);
  assert.deepEqual(answers.bytes, [0xbb]);
  assert.deepEqual(answers.events, ["stop 7"]);
  assert.ok(bidi.ended);
  other!.stream.reset(8);
  settle(client, server);
  assert.deepEqual(answers.events, ["stop 7", "reset 8"]);
});

test("data of one stream is sent in one frame, and small streams share a message", () => {
  const end = opened();
  for (const byte of [1, 2]) {
    const stream = linkOf(end).openUni(0, silent)!;
    stream.write(Uint8Array.of(byte));
    stream.write(Uint8Array.of(byte, byte));
    stream.finish();
  }
  assert.deepEqual(end.take().map(hex), ["0f030003010101" + "0f070003020202"]);
});

test("a form without records has one frame in each message", () => {
  const end = opened({ form: form("qmux-00") });
  for (const byte of [1, 2]) {
    const stream = linkOf(end).openUni(0, silent)!;
    stream.write(Uint8Array.of(byte));
    stream.finish();
  }
  assert.deepEqual(end.take().map(hex), ["0f03000101", "0f07000102"]);
});

test("a unidirectional stream that is reset before its first frame sends nothing and does not count against the limit", () => {
  const end = opened();
  for (let round = 0; round < 300; round++) {
    const stream = linkOf(end).openUni(0, silent)!;
    stream.write(Uint8Array.of(1));
    stream.reset(1);
  }
  assert.deepEqual(end.take(), []);
  assert.equal(linkOf(end).queued, 0);
});

test("a bidirectional stream that is reset or stopped before its first frame is opened and then ended", () => {
  const end = opened();
  linkOf(end).openBidi(0, new Received())!.reset(5);
  linkOf(end).openBidi(0, new Received())!.stop(6);
  assert.deepEqual(end.take().map(hex), ["0e010000" + "04010500" + "0e050000" + "050506"]);
});

test("a stopped stream answers with a reset and drops what is queued", () => {
  const end = opened();
  end.stuck = true;
  const got = new Received();
  const stream = linkOf(end).openUni(0, got)!;
  stream.write(new Uint8Array(200_000));
  end.turn();
  end.messages = [];
  assert.ok(stream.queued > 0);
  end.receive(bytes("05 03 09"));
  assert.deepEqual(got.events, ["stop 9"]);
  assert.equal(stream.queued, 0);
  assert.equal(linkOf(end).queued, 0);
  assert.equal(stream.ended, true);
  end.stuck = false;
  assert.match(hex(end.take()[0]!), /^040309/);
});

test("events of a stopped receive half are dropped until it ends", () => {
  const end = opened();
  end.receive(bytes("0e 02 00 01 aa"));
  const { stream, got } = end.watcher.unis[0]!;
  stream.stop(3);
  end.receive(bytes("0f 02 01 01 bb"));
  assert.deepEqual(got.bytes, [0xaa]);
  assert.deepEqual(got.events, []);
  assert.deepEqual(end.take().map(hex), ["050203"]);
});

test("streams may open out of order, and a late frame for an ended one is ignored", () => {
  const end = opened();
  end.receive(bytes("0f 06 00 01 bb"), bytes("0f 02 00 01 aa"), bytes("0e 02 00 01 cc"), bytes("0e 06 01 00"));
  assert.deepEqual(
    end.watcher.unis.map(({ got }) => got.bytes),
    [[0xbb], [0xaa]],
  );
  assert.equal(end.watcher.closings.length, 0);
});

test("a reset reaches a stream without data", () => {
  const end = opened();
  end.receive(bytes("04 02 1a 00"));
  assert.deepEqual(end.watcher.unis[0]?.got.events, ["reset 26"]);
});

test("the final size of a reset counts against both windows", () => {
  const end = opened();
  end.receive(bytes("04 02 01 80100001"));
  assert.equal(errorCode(end), 3);
});

test("older forms may omit the offset, the newest may not", () => {
  for (const name of ["qmux-00", "qmux-01"]) {
    const end = opened({ form: form(name) });
    end.receive(bytes("0a 02 01 aa"), bytes("0b 02 01 bb"));
    assert.deepEqual(end.watcher.unis[0]?.got.bytes, [0xaa, 0xbb]);
  }
  const strict = opened();
  strict.receive(bytes("0a 02 01 aa"), bytes("0b 02 01 bb"));
  assert.equal(errorCode(strict), 0xa);
});

describe("violations end the connection with their code", () => {
  const cases: readonly [string, number, string][] = [
    ["a hole in a stream", 0xa, "0e 02 01 01 aa"],
    ["a stream beyond the limit", 4, "0e 4192 00 00"],
    ["data on a stream that only the server sends on", 5, "0e 03 00 00"],
    ["data on a stream of the server that is not open", 5, "0e 01 00 00"],
    ["a stop for a stream that only the peer sends on", 5, "05 02 00"],
    ["credit for a stream that only the peer sends on", 5, "11 02 05"],
    ["credit for a stream of the server that is not open", 5, "11 03 05"],
    ["a blocked stream that only the server sends on", 5, "15 03 05"],
    ["data after the end", 6, "0f 00 00 01 aa 0e 00 01 01 bb"],
    ["parameters twice", 0xa, hex(PARAMS)],
    ["a ping whose number does not increase", 0xa, "f48c67529ef8c7bd05 f48c67529ef8c7bd05"],
    ["an answer to no ping", 0xa, "f48c67529ef8c7be00"],
    ["a datagram that was not negotiated", 0xa, "31 01 aa"],
    ["an unknown frame", 7, "21"],
    ["half a frame", 7, "0e 02 00 05 aa"],
    ["a partial reset that promises what did not come", 0xa, "0e 02 00 01 aa 24 02 00 05 02"],
    ["a reliable size over the final size", 7, "24 02 00 01 02"],
  ];
  for (const [what, code, message] of cases) {
    test(what, () => {
      const end = opened();
      end.receive(bytes(message));
      assert.equal(errorCode(end), code);
      assert.equal(end.status, 1002);
      assert.equal(end.watcher.closings.length, 1);
      const [why] = end.watcher.closings;
      assert.equal(why?.by, "error");
      assert.match(why?.reason ?? "", /^[A-Z_]+: .*\((RFC|draft).*section/);
    });
  }
});

test("the first frame must be the transport parameters, or the link ends with the code of the form", () => {
  for (const [name, code] of [
    ["qmux-02", 0xa],
    ["qmux-01", 8],
    ["qmux-00", 8],
  ] as const) {
    const end = new SimEnd({ form: form(name) });
    end.receive(bytes("00"));
    assert.equal(errorCode(end), code);
    assert.equal(end.watcher.link, undefined);
  }
});

test("a message over the limit is refused", () => {
  const records = opened();
  records.receive(new Uint8Array(65_536));
  assert.deepEqual(records.watcher.closings, []);
  records.receive(new Uint8Array(65_537));
  assert.equal(errorCode(records), 7);
  const plain = opened({ form: form("qmux-00") });
  plain.receive(new Uint8Array(16_385));
  assert.equal(errorCode(plain), 7);
});

test("an empty message is ignored and a text message is an error", () => {
  const end = opened();
  end.receive(new Uint8Array(0));
  assert.equal(end.watcher.closings.length, 0);
  end.connection.receiveText();
  assert.equal(errorCode(end), 0xa);
  assert.equal(end.status, 1003);
});

test("partial resets are accepted in the newest form only, and final sizes below the received bytes in no form", () => {
  const end = opened();
  end.receive(bytes("0e 02 00 03 aabbcc"), bytes("24 02 07 03 02"), bytes("0e 06 00 03 aabbcc"), bytes("04 06 08 00"));
  end.receive(bytes("0e 0a 00 03 aabbcc"), bytes("04 0a 09 01"));
  assert.deepEqual(
    end.watcher.unis.map(({ got }) => got.events),
    [["reset 7"], ["reset 8"], ["reset 9"]],
  );
  assert.deepEqual(end.watcher.closings, []);
  const older = opened({ form: form("qmux-01") });
  older.receive(bytes("24 02 00 00 00"));
  assert.equal(errorCode(older), 7);
});

test("pings are answered with their number", () => {
  const end = opened();
  end.receive(bytes("f48c67529ef8c7bd 09"));
  assert.deepEqual(end.take().map(hex), ["f48c67529ef8c7bec000000000000009"]);
});

test("closing sends code and reason in a last message and drops all streams", () => {
  const { client, server } = simPair();
  const stream = linkOf(client).openUni(0, silent)!;
  stream.write(new Uint8Array(10));
  linkOf(client).close(404, "nothing here");
  assert.deepEqual(client.watcher.closings, [], "not from inside the call");
  settle(client, server);
  assert.deepEqual(client.watcher.closings, [{ by: "local", code: 404, reason: "nothing here" }]);
  assert.deepEqual(server.watcher.closings, [{ by: "remote", code: 404, reason: "nothing here" }]);
  assert.deepEqual(server.watcher.unis, []);
  assert.deepEqual([client.status, server.status], [1000, 1000]);
  assert.ok(stream.ended && linkOf(client).ended && linkOf(server).ended);
  assert.equal(stream.queued + linkOf(client).queued, 0);
});

test("a long reason is cut between two characters", () => {
  const { client, server } = simPair();
  linkOf(client).close(1, `x${"é".repeat(MAX_CLOSE_REASON)}`);
  settle(client, server);
  const expected = `x${"é".repeat(511)}`;
  assert.equal(client.watcher.closings[0]?.reason, expected);
  assert.equal(server.watcher.closings[0]?.reason, expected);
});

test("a peer that aborts is an error, one that closes cleanly is not", () => {
  const failed = opened();
  failed.receive(bytes("1c 0a 00 02 6e6f"));
  assert.deepEqual(failed.watcher.closings, [
    { by: "error", code: 0, reason: "the peer closed the connection with PROTOCOL_VIOLATION: no" },
  ]);
  const clean = opened();
  clean.receive(bytes("1c 00 00 00"));
  assert.deepEqual(clean.watcher.closings, [{ by: "remote", code: 0, reason: "" }]);
});

test("the end of the WebSocket is the end of the link", () => {
  for (const [status, by] of [
    [1000, "remote"],
    [1001, "remote"],
    [1005, "remote"],
    [1006, "error"],
    [undefined, "error"],
  ] as const) {
    const end = opened();
    end.connection.socketClosed(status, "gone");
    end.turn();
    assert.deepEqual(end.watcher.closings, [{ by, code: 0, reason: "gone" }]);
  }
});

test("nothing happens on a link that has ended", () => {
  const end = opened();
  end.receive(bytes("0e 00 00 01 aa"));
  const { stream, got } = end.watcher.bidis[0]!;
  const link = linkOf(end);
  const own = link.openUni(0, silent)!;
  link.close(0, "");
  end.take();
  own.write(Uint8Array.of(1));
  own.finish();
  own.reset(1);
  stream.write(Uint8Array.of(1));
  stream.stop(1);
  stream.reset(1);
  link.close(1, "again");
  end.receive(bytes("0f 00 01 01 bb"), PARAMS, bytes("21"));
  assert.equal(link.openUni(0, silent), undefined);
  assert.deepEqual(end.take(), []);
  assert.deepEqual(got.bytes, [0xaa]);
  assert.deepEqual(got.events, []);
  assert.equal(end.watcher.closings.length, 1);
});

test("a handler that closes the link gets nothing more of the message", () => {
  const end = opened();
  end.watcher.onUni = () => {
    linkOf(end).close(1, "enough");
    return undefined;
  };
  end.receive(bytes("0e 02 00 01 aa 0e 06 00 01 bb"));
  assert.equal(end.watcher.unis.length, 1);
  assert.deepEqual(end.watcher.unis[0]?.got.bytes, []);
  assert.deepEqual(end.watcher.closings, [{ by: "local", code: 1, reason: "enough" }]);
});

test("a handler that throws ends its link only", () => {
  const end = opened();
  end.watcher.onUni = () => {
    throw new Error("a bug");
  };
  end.receive(bytes("0e 02 00 01 aa"));
  assert.equal(end.warnings.length, 1);
  assert.equal(errorCode(end), 1);
  assert.equal(end.watcher.closings[0]?.by, "error");
});

test("a silent peer times out, and any frame of the WebSocket prevents that", () => {
  const end = opened();
  for (let beat = 0; beat < 10; beat++) {
    end.clock.advance(20_000);
    end.connection.heard();
  }
  assert.equal(end.watcher.closings.length, 0);
  end.clock.advance(29_999);
  assert.equal(end.terminated, false);
  end.clock.advance(1);
  end.turn();
  assert.equal(end.terminated, true);
  assert.equal(end.watcher.closings[0]?.by, "timeout");
  assert.equal(end.clock.pending, 0, "no timer is left");
});

test("a peer without transport parameters is disconnected", () => {
  const end = new SimEnd();
  end.clock.advance(10_000);
  assert.equal(end.terminated, true);
});

test("pings are sent at the keep-alive interval while they are answered, and give the round-trip time", () => {
  const end = opened();
  assert.equal(end.pings, 1);
  end.clock.advance(40);
  end.connection.answered();
  assert.equal(linkOf(end).stats().rttMs, 40);
  end.clock.advance(5_000);
  assert.equal(end.pings, 2);
  end.clock.advance(15_000);
  assert.equal(end.pings, 2, "no second ping before the first is answered");
});

test("a peer with an idle time-out gets a QX_PING when nothing else is sent", () => {
  const end = opened();
  end.receive(bytes("10 05"));
  end.connection.answered();
  end.clock.advance(5_000);
  assert.deepEqual(end.take().map(hex), [], "this peer does not");
  const idling = new SimEnd();
  idling.take();
  idling.receive(Buffer.concat([bytes("ff5153300d0a0d0a 06 0104 80007530")]));
  idling.connection.answered();
  idling.clock.advance(5_000);
  assert.deepEqual(idling.take().map(hex), ["f48c67529ef8c7bdc000000000000000"]);
});

test("a process that was suspended gives its peers the time of one more probe", () => {
  const end = opened();
  const { clock } = end;
  const before = clock.now();
  // The clock jumps over the timers that were due, as when the process is suspended.
  Object.defineProperty(clock, "now", { value: () => before + 60_000 });
  clock.advance(5_000);
  assert.equal(end.terminated, false);
});
