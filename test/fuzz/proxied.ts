/** The headers by which proxies of TCP name their clients: the same outcome in pieces, and never an address that is none. */
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { FORWARDED_FIELDS, forwardedClient } from "../../transport/proxied/forwarded.ts";
import { MAX_HEADER_BYTES, readHeader } from "../../transport/proxied/header.ts";
import { headerV1, headerV2 } from "../support/tcp-proxy.ts";
import type { FuzzTarget } from "./target.ts";

/** The fuzzer changes copies of inputs, and the copy of a buffer shares its bytes. */
const copy = (bytes: Buffer) => new Uint8Array(bytes);

const HEADER: FuzzTarget = {
  name: "PROXY header",
  sound: [headerV1("203.0.113.9"), headerV2("203.0.113.9"), headerV2("2001:db8::9", 80, new Uint8Array(30))].map(copy),
  run: (input) => {
    const whole = readHeader(input);
    for (let end = 0; end < Math.min(input.length, 120); end++) {
      const read = readHeader(input.slice(0, end));
      if (read === "partial") continue;
      assert.deepEqual(read, whole, "what is known early stays");
      break;
    }
    if (typeof whole === "string") return false;
    assert.ok(whole.length <= Math.min(input.length, MAX_HEADER_BYTES));
    if (whole.client !== undefined) assert.ok(isIP(whole.client.address) > 0 && whole.client.port <= 0xffff);
    return true;
  },
};

const PROXY = "192.0.2.1";

const FIELD: FuzzTarget = {
  name: "forwarded field",
  sound: ["198.51.100.1, 203.0.113.9:80", 'for="[2001:db8::9]:4711";proto=https, for=203.0.113.9'].map((text) =>
    copy(Buffer.from(text)),
  ),
  run: (input) => {
    const text = Buffer.from(input).toString("latin1");
    const clients = FORWARDED_FIELDS.map((field) => forwardedClient(field, text, PROXY, (one) => one.startsWith("1")));
    for (const client of clients) assert.ok(isIP(client) > 0);
    return clients.some((client) => client !== PROXY);
  },
};

export function proxiedTargets(): FuzzTarget[] {
  return [HEADER, FIELD];
}
