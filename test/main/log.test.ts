import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, type LogFormat, logSessionClosed, logSessionOpened } from "../../relay/log.ts";

/** Header and payload of a token; the signature is made up. */
const TOKEN = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"root":"live"}').toString("base64url")}.c2lnbmF0dXJl`;

function capture(format: LogFormat = "json", level: "info" | "debug" = "info") {
  const lines: string[] = [];
  const log = createLogger({ level, format, stream: { write: (line) => lines.push(line) } });
  return { log, lines, parsed: (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)) };
}

describe("the log", () => {
  test("is one JSON object a line, with an ISO time and the level's name", () => {
    const { log, lines, parsed } = capture();
    log.info({ port: 4443 }, "listening");
    log.debug("not at this level");
    assert.equal(lines.length, 1);
    const [{ time, ...entry } = {}] = parsed();
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(entry, { level: "info", port: 4443, msg: "listening" });
  });

  test("is text for people when asked", () => {
    const { log, lines } = capture("pretty");
    log.warn({ port: 4443 }, "careful");
    assert.match(lines.join(""), /WARN.*careful.*"port":4443/);
    assert.equal(lines.join("").trim().split("\n").length, 1);
  });

  test("never tells a credential, in fields, texts, errors or stacks, in either format", () => {
    for (const format of ["json", "pretty"] as const) {
      const { log, lines } = capture(format, "debug");
      log.info({ query: "jwt=hush", info: { query: "jwt=hush", headers: { authorization: "hush" } } }, "a");
      log.info({ request: { info: { query: "hush", jwt: "hush" } }, authorization: "hush" }, "b");
      log.error(new Error(`dial https://relay.example/live?jwt=hush-hush&x=1 failed`), "c");
      log.error({ err: new Error(`bad token ${TOKEN}`) }, `d ${TOKEN}`);
      log.debug("Authorization: Bearer hush.hush-hush");
      const text = lines.join("");
      assert.doesNotMatch(text, /hush/);
      assert.ok(!text.includes(TOKEN) && !text.includes(TOKEN.split(".")[1] ?? ""));
      assert.match(text, /relay\.example\/live\?jwt=\[redacted\]&x=1 failed/);
      assert.ok([...text.matchAll(/\[redacted\]/g)].length >= 9);
    }
  });

  test("has one line when a session opens and one when it closes", () => {
    const { log, parsed } = capture();
    const session = { session: 7, engine: "memory", protocol: "moq-lite-04", peer: "::1 5000", path: "/live" };
    logSessionOpened(log, session);
    const counts = {
      bytesReceived: 1,
      bytesSent: 2,
      broadcasts: 3,
      subscriptions: 4,
      groupsReceived: 5,
      groupsSent: 6,
    };
    logSessionClosed(log, { ...session, reason: "closed", code: 0, text: "bye", durationMs: 12.6, ...counts });
    const [opened, closed] = parsed();
    assert.equal(opened?.["msg"], "session opened");
    assert.equal(closed?.["msg"], "session closed");
    assert.equal(closed?.["durationMs"], 13);
    for (const [name, value] of Object.entries({ ...session, ...counts, reason: "closed", text: "bye" })) {
      assert.equal(closed?.[name], value);
    }
  });
});
