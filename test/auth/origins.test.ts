/** Browser origins: whose pages may open sessions, and what every engine tells of the page. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Origins } from "../../auth/origins.ts";
import { TransportError } from "../../moq/link.ts";
import { originFault } from "../../relay/config/origin.ts";
import { missingEngine } from "../support/engines.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { dialAsPage, webSocketStatus } from "./pages.ts";

const LISTED = ["https://app.example", "https://*.cdn.example", "http://localhost:5173", "null"];

/** The origin of a page, and whether it may connect. */
const TABLE: [origin: string | undefined, accepted: boolean][] = [
  [undefined, true],
  ["https://app.example", true],
  ["https://a.cdn.example", true],
  ["https://a.b.cdn.example", true],
  ["http://localhost:5173", true],
  ["null", true],
  ["https://cdn.example", false],
  ["https://evilcdn.example", false],
  ["https://evil.example/.cdn.example", false],
  ["https://evil.example@a.cdn.example", false],
  ["http://a.cdn.example", false],
  ["https://a.cdn.example:8443", false],
  ["http://app.example", false],
  ["https://app.example:8443", false],
  ["https://app.example.evil.example", false],
  ["https://APP.example", false],
  ["http://localhost", false],
  ["", false],
];

it("an origin is accepted if it is in the list, with a star for labels of its host", () => {
  const origins = new Origins(LISTED);
  for (const [origin, accepted] of TABLE) assert.equal(origins.accepts(origin), accepted, origin);
  assert.equal(new Origins([]).accepts("https://anything.example"), true);
});

it("text that no browser sends as an origin is refused in the configuration", () => {
  for (const entry of [...LISTED, "https://*.app.example:8443", "chrome-extension://abcdef", "https://[::1]:4443"]) {
    assert.equal(originFault(entry), undefined, entry);
  }
  for (const entry of ["app.example", "https://app.example/", "https://App.example", "https://app.example:443", "*"]) {
    assert.match(originFault(entry) ?? "", /is not an origin/, entry);
  }
  for (const entry of ["https://*", "https://a.*.example", "https://u@app.example", "https://app.example?x", ""]) {
    assert.match(originFault(entry) ?? "", /is not an origin/, entry);
  }
});

function overWebSocket({ port }: TestRelay, origin: string | undefined): Promise<number> {
  return webSocketStatus(port, origin === undefined ? {} : { Origin: origin });
}

/** Dials by WebTransport as a page of `origin`; resolves with what the relay logs of it. */
async function overWebTransport(relay: TestRelay, origin: string | undefined): Promise<unknown> {
  const decisions = () => relay.entries.filter(({ msg }) => msg === "session refused" || msg === "session opened");
  const before = decisions().length;
  const link = await dialAsPage("127.0.0.1", relay.port, origin).catch((error: unknown) =>
    assert.ok(error instanceof TransportError, String(error)),
  );
  await until(() => decisions().length > before, "the relay has decided");
  link?.close(0, "");
  const { msg, code } = decisions().at(-1) ?? {};
  return code ?? msg;
}

describe("a relay with auth.origins", () => {
  const settings = { "auth.public_subscribe": "/", "auth.origins": "https://app.example,https://*.cdn.example" };
  const some: [origin: string | undefined, accepted: boolean][] = [
    [undefined, true],
    ["https://app.example", true],
    ["https://a.cdn.example", true],
    ["https://evil.example", false],
    ["null", false],
  ];

  it("serves WebSocket sessions of these pages and of programs only, and logs why it refuses others", () =>
    withRelay(settings, async (relay) => {
      for (const [origin, accepted] of some) {
        assert.equal(await overWebSocket(relay, origin), accepted ? 101 : 403, origin);
      }
      const refused = relay.entries.filter(({ msg }) => msg === "session refused").map(({ code }) => code);
      assert.deepEqual(refused, ["origin_refused", "origin_refused"]);
    }));

  for (const engine of ["native", "rwebtransport"]) {
    it(`serves WebTransport sessions by the same rules (${engine})`, { skip: missingEngine() }, () =>
      withRelay({ ...settings, "server.engine": engine }, async (relay) => {
        for (const [origin, accepted] of some) {
          const outcome = await overWebTransport(relay, origin);
          assert.equal(outcome, accepted ? "session opened" : "origin_refused", origin);
        }
      }),
    );
  }
});
