import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, loadConfig } from "../../relay/config/index.ts";
import { engineFault } from "../../relay/host/index.ts";

const load = (values: Record<string, string>) =>
  loadConfig({
    flags: Object.entries(values).map(([key, value]) => ({ key: `load_balancer.${key}`, value, name: `--${key}` })),
  }).config;

test("server ids and addresses that no connection id or client could carry are refused", () => {
  for (const [values, key, message] of [
    [{ server_id: "0xa" }, "server_id", /1 to 15 bytes in hexadecimal digits/],
    [{ server_id: "relay-1" }, "server_id", /1 to 15 bytes in hexadecimal digits/],
    [{ server_id: "00".repeat(16) }, "server_id", /1 to 15 bytes in hexadecimal digits/],
    [{ server_id: "00".repeat(12) }, "server_id", /more than 19 bytes together/],
    [{ key: "00".repeat(16) }, "key", /needs `server_id`/],
    [{ server_id: "a1", key: "00".repeat(15) }, "key", /must be 32 hexadecimal digits/],
    [{ preferred_address: "203.0.113.5" }, "preferred_address", /"203.0.113.5" is not an IP address with a port/],
    [{ preferred_address: "relay.example.com:443" }, "preferred_address", /is not an IP address with a port/],
    [{ preferred_address: "203.0.113.5:0" }, "preferred_address", /is not an IP address with a port/],
    [{ preferred_address: "[203.0.113.5]:443" }, "preferred_address", /is not an IP address with a port/],
    [{ preferred_address: "203.0.113.5:443,203.0.113.6:443" }, "preferred_address", /two addresses of the same family/],
  ] as const) {
    assert.throws(
      () => load(values),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.problems[0]?.key, `load_balancer.${key}`);
        assert.match(error.problems[0]?.message ?? "", message);
        return true;
      },
    );
  }
  load({
    server_id: "0x00000000000000A1",
    nonce_length: "11",
    preferred_address: "203.0.113.5:443,[2001:db8::5]:4443",
  });
});

test("an engine without connection ids of its own choice cannot have a server id", async () => {
  const config = load({ server_id: "a1" });
  const fault = await engineFault({ ...config, server: { ...config.server, engine: "rwebtransport" } });
  assert.equal(fault?.key, "load_balancer.server_id");
  assert.match(fault.message, /install the native engine/);
});
