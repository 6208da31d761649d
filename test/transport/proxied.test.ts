import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { forwardedClient } from "../../transport/proxied/forwarded.ts";
import { isHeader, localHeader, MAX_HEADER_BYTES, readHeader } from "../../transport/proxied/header.ts";
import { headerV1, headerV2 } from "../support/tcp-proxy.ts";

const bytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const line = (text: string) => Buffer.from(`${text}\r\n`, "latin1");
const SIGNATURE = "0d0a0d0a000d0a515549540a";

describe("a header of the PROXY protocol, version 2", () => {
  test("names the client of TCP over IPv4, IPv6 and IPv4 inside IPv6", () => {
    const v4 = bytes(`${SIGNATURE} 21 11 000c cb007109 c0000263 1267 01bb`);
    assert.deepEqual(readHeader(v4), { length: 28, client: { address: "203.0.113.9", port: 4711 } });
    const v6 = bytes(`${SIGNATURE} 21 21 0024 20010db8000000000000000000000001 ${"00".repeat(16)} 1267 01bb`);
    assert.deepEqual(readHeader(v6), { length: 52, client: { address: "2001:db8::1", port: 4711 } });
    const mapped = bytes(`${SIGNATURE} 21 21 0024 00000000000000000000ffffcb007109 ${"00".repeat(16)} 1267 01bb`);
    assert.deepEqual(readHeader(mapped), { length: 52, client: { address: "203.0.113.9", port: 4711 } });
  });

  test("may have extensions, which are skipped, and is followed by what the client sent", () => {
    const header = headerV2("203.0.113.9", 80, bytes("ea 0005 68656c6c6f"));
    assert.deepEqual(readHeader(Buffer.concat([header, Buffer.from("GET /")])), {
      length: header.length,
      client: { address: "203.0.113.9", port: 80 },
    });
  });

  test("names no client in a health check, and for families that are not TCP", () => {
    assert.deepEqual(readHeader(localHeader()), { length: 16, client: undefined });
    // A health check may have addresses all the same.
    assert.deepEqual(readHeader(bytes(`${SIGNATURE} 20 11 000c ${"01".repeat(12)}`)), {
      length: 28,
      client: undefined,
    });
    for (const family of ["00", "31", "12", "22"]) {
      const header = bytes(`${SIGNATURE} 21 ${family} 000c ${"01".repeat(12)}`);
      assert.deepEqual(readHeader(header), { length: 28, client: undefined }, family);
    }
  });

  test("is refused with another version or command, a reserved family, too few bytes for its addresses, or too many", () => {
    for (const [why, header] of [
      ["version 1", "11 11 000c"],
      ["version 3", "31 11 000c"],
      ["command 2", "22 11 000c"],
      ["family 4", "21 41 000c"],
      ["protocol 3", "21 13 000c"],
      ["11 bytes for IPv4", "21 11 000b"],
      ["35 bytes for IPv6", "21 21 0023"],
      ["length", `21 11 ${(MAX_HEADER_BYTES - 15).toString(16).padStart(4, "0")}`],
    ] as const) {
      assert.equal(readHeader(bytes(`${SIGNATURE} ${header} ${"00".repeat(36)}`)), "invalid", why);
    }
  });
});

describe("a header of the PROXY protocol, version 1", () => {
  test("names the client, or none", () => {
    const v4 = line("PROXY TCP4 203.0.113.9 192.0.2.1 4711 443");
    assert.deepEqual(readHeader(v4), { length: v4.length, client: { address: "203.0.113.9", port: 4711 } });
    const v6 = line("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535");
    assert.deepEqual(readHeader(v6), { length: v6.length, client: { address: "2001:db8::1", port: 0 } });
    const unknown = line("PROXY UNKNOWN anything at all");
    assert.deepEqual(readHeader(unknown), { length: unknown.length, client: undefined });
    assert.deepEqual(readHeader(line("PROXY UNKNOWN")), { length: 15, client: undefined });
  });

  test("is refused when it is not exact", () => {
    for (const text of [
      "PROXY TCP4 203.0.113.9 192.0.2.1 4711",
      "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443 1",
      "PROXY  TCP4 203.0.113.9 192.0.2.1 4711 443",
      "PROXY TCP4 203.0.113 192.0.2.1 4711 443",
      "PROXY TCP4 203.0.113.9 192.0.2.1 65536 443",
      "PROXY TCP4 203.0.113.9 192.0.2.1 0815 443",
      "PROXY TCP6 203.0.113.9 192.0.2.1 4711 443",
      "PROXY UDP4 203.0.113.9 192.0.2.1 4711 443",
      "PROXY tcp4 203.0.113.9 192.0.2.1 4711 443",
      `PROXY UNKNOWN ${"x".repeat(100)}`,
    ]) {
      assert.equal(readHeader(line(text)), "invalid", text);
    }
    assert.equal(readHeader(Buffer.from(`PROXY TCP4 ${"1".repeat(96)}`)), "invalid");
  });
});

test("other bytes are no header, and every part of a header is partial", () => {
  for (const start of ["GET / HTTP/1.1\r\n", "POST /", "\x16\x03\x01", "PROXIED", "\r\n\r\n\0\r\nQUIX"]) {
    assert.equal(readHeader(Buffer.from(start, "latin1")), "invalid");
    assert.equal(isHeader(Buffer.from(start, "latin1")), false);
  }
  for (const header of [headerV1("203.0.113.9"), headerV2("2001:db8::7", 1, Buffer.alloc(9))]) {
    for (let cut = 0; cut < header.length; cut++)
      assert.equal(readHeader(header.subarray(0, cut)), "partial", `${cut}`);
    assert.equal(isHeader(header), true);
  }
  // Less than a signature may be anything.
  assert.equal(isHeader(Buffer.from("P")), false);
});

test("any client address survives a header, whatever follows it", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.constantFrom("2001:db8::5", "fe80::1", "::2")),
      fc.nat(65_535),
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 40 }),
      (address, port, extra, rest) => {
        const header = headerV2(address, port, extra);
        const read = readHeader(Buffer.concat([header, rest]));
        assert.deepEqual(read, { length: header.length, client: { address, port } });
      },
    ),
  );
});

describe("the client that proxies of HTTP name", () => {
  const trusts = (address: string) => address.startsWith("10.");
  const xff = (value: string) => forwardedClient("x-forwarded-for", value, "10.0.0.1", trusts);
  const forwarded = (value: string) => forwardedClient("forwarded", value, "10.0.0.1", trusts);

  test("is the last address that no trusted proxy has: what a client claims comes before it", () => {
    assert.equal(xff("203.0.113.9"), "203.0.113.9");
    assert.equal(xff("198.51.100.1, 203.0.113.9"), "203.0.113.9");
    assert.equal(xff("198.51.100.1,203.0.113.9 , 10.9.9.9"), "203.0.113.9");
    assert.equal(forwarded("for=198.51.100.1, for=203.0.113.9;proto=https, For=10.9.9.9"), "203.0.113.9");
    assert.equal(forwarded('for=198.51.100.1;by="a,b", by="x;for=1.2.3.4;";for="203.0.113.9"'), "203.0.113.9");
    assert.equal(forwarded('host="a\\",b\\\\";for=203.0.113.9'), "203.0.113.9");
    // The client's own part ends in the middle of a quoted string.
    assert.equal(forwarded('for=", for=203.0.113.9'), "203.0.113.9");
  });

  test("is read with ports and brackets", () => {
    for (const text of ["[2001:db8::9]:443", "[2001:db8::9]", "2001:db8::9"]) {
      assert.equal(xff(text), "2001:db8::9");
      assert.equal(forwarded(`for="${text}"`), "2001:db8::9");
    }
    assert.equal(xff("203.0.113.9:4711"), "203.0.113.9");
    assert.equal(xff("::ffff:203.0.113.9"), "203.0.113.9");
    assert.equal(forwarded('for="203.0.113.9:4711"'), "203.0.113.9");
  });

  test("is the proxy before a name that is no address", () => {
    for (const value of ["", "unknown", "203.0.113.9, unknown", "203.0.113.9, 1.2.3", "203.0.113.9,,"]) {
      assert.equal(xff(value), "10.0.0.1", value);
    }
    assert.equal(xff("203.0.113.9, _hidden, 10.0.0.7"), "10.0.0.7");
    for (const value of [
      "for=unknown",
      "for=_a",
      "proto=http",
      "for=203.0.113.9, by=10.0.0.2",
      'for="203.0.113.9',
      "for=203.0.113.9;for=203.0.113.8",
    ]) {
      assert.equal(forwarded(value), "10.0.0.1", value);
    }
  });

  test("is the farthest proxy when all are trusted", () => {
    assert.equal(xff("10.0.0.3, 10.0.0.2"), "10.0.0.3");
  });

  test("is an address or the proxy, whatever the field has, and is found quickly", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'for=,;"\\1.:[] '.split("")), maxLength: 4_000 }), (value) => {
        for (const read of [xff, forwarded]) assert.match(read(value), /^[\d.:a-f]+$/);
      }),
    );
  });
});
