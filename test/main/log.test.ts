import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generateKey, scopesOfPaths, signCat } from "../../auth/index.ts";
import { createLogger, type LogFormat, logSessionClosed, logSessionOpened } from "../../relay/log/logger.ts";

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

  test("is readable text when the format is `pretty`", () => {
    const { log, lines } = capture("pretty");
    log.warn({ port: 4443 }, "careful");
    assert.match(lines.join(""), /WARN.*careful.*"port":4443/);
    assert.equal(lines.join("").trim().split("\n").length, 1);
  });

  test("contains no credential in fields, texts, errors or stacks, in either format", () => {
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

  test("contains no token, whatever is next to it and however often it is percent-encoded", () => {
    const spaced = TOKEN.replace(/^[^.]*/, Buffer.from('{ "alg":"HS256" }').toString("base64url"));
    const broken = TOKEN.replace(/^[^.]*/, Buffer.from('\n {\n"typ":"JWT","alg":"HS256"}').toString("base64url"));
    const percent = (text: string) => [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join("");
    const again = (text: string, times: number): string =>
      times === 0 ? text : again(text.replaceAll("%", "%25"), times - 1);
    for (const token of [TOKEN, spaced, broken]) {
      const encoded = token.replaceAll(".", "%2e").replace("e", "%65");
      const forms = [
        ...["", "x", "_", "-", "abc", "token=", ";jwt=", "%3Fjwt%3D", "%253Fjwt%253D", "a.b/", "v1."].map(
          (lead) => lead + token,
        ),
        ...[0, 1, 2, 6, 7, 20].map((times) => `x${again(encoded, times)}`),
        `jwt=${percent(token)}`,
        percent(percent(token)),
        `${token}.${token}`,
        `${token}/${token}`,
      ];
      for (const form of forms) {
        const { log, lines, parsed } = capture();
        log.info({ path: `/p/${form}`, err: new Error(`no ${form}!`) }, `refused ${form}`);
        const text = lines.join("");
        assert.ok(!text.includes("c2lnbmF0dXJl") && !text.includes(token.split(".")[1] ?? ""), `${form}: ${text}`);
        assert.match(String(parsed()[0]?.["path"]), /^\/?.*\[redacted\]/);
      }
    }
  });

  test("has no Common Access Token, whatever its form", async () => {
    const key = await generateKey({ alg: "ES256", kid: "k" });
    const token = await signCat(key, { scopes: scopesOfPaths([], [""]), about: { sub: "viewer" } });
    const parts =
      "ogEjEGNDQVQ.owF4GGh0dHBzOi8vYXV0aC5leGFtcGxlLmNvbQQaZVVCgBkBR4GBiQABAgMEBQYHCA.XlNItz7OGqnNEbaqZ_bQh6TL-wV6SDr8hXyOLmtQkj4";
    const padded = Buffer.from(token, "base64url").toString("base64");
    for (const one of [
      token,
      parts,
      `?cat=${padded}`,
      `?cat=${encodeURIComponent(padded)}`,
      `?dpop=${token}`,
      `/${token}/a`,
    ]) {
      const { log, lines } = capture();
      log.info({ path: `/p/${one}`, cat: one, err: new Error(`no ${one}!`) }, `refused ${one}`);
      const text = lines.join("");
      for (const secret of [token, padded, parts]) {
        assert.ok(!text.includes(secret.slice(0, 40)) && !text.includes(secret.slice(-40)), `${one}: ${text}`);
      }
    }
  });

  test("does not change what is no credential", () => {
    const texts = [
      "/live/room-1/viewport-controller-component.index-of.many-parts.js",
      "/p/caf%C3%A9%2Fx%20y/100%/%zz",
      "ec2-203-0-113-25.compute-1.amazonaws.com refused",
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sha256",
      "owls.in-the-forest.example/ogre.of-the-hills.example",
      "0oRDoQEmoFhApathsegmentofaviewer",
      "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z",
    ];
    for (const text of texts) {
      const { log, parsed } = capture();
      log.info({ path: text }, text);
      assert.deepEqual([parsed()[0]?.["path"], parsed()[0]?.["msg"]], [text, text]);
    }
  });

  test("takes little time for a line that is built to take long", () => {
    for (const text of ["a-".repeat(30_000), "%25".repeat(20_000), '{"'.repeat(30_000), "eyJhIjox.".repeat(7_000)]) {
      const { log, lines } = capture();
      const begun = process.cpuUsage();
      log.info({ text }, "m");
      const { user, system } = process.cpuUsage(begun);
      assert.equal(lines.length, 1);
      assert.ok(user + system < 1_000_000, `${text.slice(0, 12)}…: ${user + system} µs`);
    }
  });

  test("has one line when a session opens and one when it closes", () => {
    const { log, parsed } = capture();
    const session = { session: "k3x9af-7", engine: "memory", protocol: "moq-lite-04", peer: "::1 5000", path: "/live" };
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
