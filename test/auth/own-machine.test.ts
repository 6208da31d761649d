/** A relay without keys and public prefixes serves programs and pages of its own machine only. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TransportError } from "../../moq/link.ts";
import { loadConfig } from "../../relay/config/config.ts";
import { isLocalRequest } from "../../relay/http/local.ts";
import { missingEngine } from "../support/engines.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { dialAsPage, webSocketStatus } from "./pages.ts";

/** Host and origin of a request, and whether the relay accepts it. The port is that of the relay. */
const TABLE: [host: string, origin: string | undefined, accepted: boolean][] = [
  ["127.0.0.1", undefined, true],
  ["localhost", undefined, true],
  ["localhost", "http://localhost:5173", true],
  ["[::1]", "https://[::1]", true],
  ["demo.localhost", "http://127.0.0.1", true],
  ["127.0.0.1", "https://evil.example", false],
  ["127.0.0.1", "null", false],
  ["127.0.0.1", "https://localhost.evil.example", false],
  ["127.0.0.1", "https://127.0.0.1.evil.example", false],
  ["127.0.0.1", "chrome-extension://abcdefghijklmnop", false],
  ["rebound.evil.example", undefined, false],
  ["rebound.evil.example", "http://rebound.evil.example", false],
  ["rebound.evil.example", "http://localhost", false],
  ["0.0.0.0", undefined, false],
];

function status({ port }: TestRelay, host: string, origin: string | undefined): Promise<number> {
  const headers = { Host: `${host}:${port}`, ...(origin !== undefined && { Origin: origin }) };
  return webSocketStatus(port, headers);
}

describe("a relay with nothing configured", () => {
  it("accepts a WebSocket when its host and origin are this machine, and logs why it refuses others", () =>
    withRelay({}, async (relay) => {
      for (const [host, origin, accepted] of TABLE) {
        assert.equal(await status(relay, host, origin), accepted ? 101 : 403, `${host} ${origin}`);
      }
      const refused = relay.entries.filter(({ msg }) => msg === "session refused").map(({ code }) => code);
      assert.deepEqual(new Set(refused), new Set(["origin_refused"]));
    }));

  it("accepts WebTransport by the same rules", { skip: missingEngine() }, () =>
    withRelay({}, async (relay) => {
      for (const [host, origin, accepted] of TABLE) {
        const dialled = dialAsPage(host, relay.port, origin);
        const refused = (error: unknown) => error instanceof TransportError && error.status === 403;
        if (accepted) (await dialled).close(0, "");
        else await assert.rejects(dialled, refused, `${host} ${origin}`);
      }
    }),
  );
});

it("the configuration of `npm start` gives pages of other origins no access", () => {
  const file = fileURLToPath(new URL("../../configs/dev.toml", import.meta.url));
  const { auth, server } = loadConfig({ file }).config;
  assert.deepEqual([auth.publicSubscribe, auth.publicPublish, server.host], [[], [], "127.0.0.1"]);
});

it("only a whole host name counts as local", () => {
  for (const host of [
    "localhost",
    "LOCALHOST.",
    "a.b.localhost:1",
    "127.1.2.3",
    "[::1]:4443",
    "[::ffff:127.0.0.1]",
    "",
  ]) {
    assert.equal(isLocalRequest(host, undefined), true, host);
  }
  for (const host of [
    "localhost@evil.example",
    "evil.example#localhost",
    "evil.example@localhost",
    "localhost#evil.example",
    "localhost/.evil.example",
    "localhost?.evil.example",
    "localhost\\.evil.example",
    "notlocalhost",
    "10.0.0.1",
    "[::]",
    "a b",
    "%00",
  ]) {
    assert.equal(isLocalRequest(host, undefined), false, host);
  }
});
