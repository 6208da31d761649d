import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { dialAll } from "../../bench/load/dial.ts";
import { parseFanout } from "../../bench/options.ts";
import { createQmux } from "../../transport/qmux/index.ts";
import { systemClock } from "../../transport/shared/system-clock.ts";
import { TestRelay } from "../support/relay.ts";

test("a certificate that is not trusted ends the load at once and names the flags that help", async () => {
  const relay = await TestRelay.start();
  const engine = createQmux({ clock: systemClock, warn: () => {} });
  const url = relay.at("wss");
  const target = { engine, url, trust: { kind: "system" }, protocols: ["moq-lite-05"], timeoutMs: 60_000 } as const;
  const unreached = () => assert.fail("connected");
  await assert.rejects(
    dialAll(target, [unreached]),
    /its certificate is self-signed; use --fingerprint HEX .*--insecure/,
  );
  await relay.stop();
});

test("a token for --url comes from a file or from the URL, never from both", () => {
  const folder = mkdtempSync(join(tmpdir(), "moqmesh-bench-"));
  const file = join(folder, "token");
  writeFileSync(file, "abc\n");
  const parsed = parseFanout(["--url", "https://a/", "--token", file]);
  assert.ok(parsed !== "help");
  assert.equal(parsed.url?.href, "https://a/?jwt=abc");
  assert.throws(() => parseFanout(["--url", "https://a/?jwt=x", "--token", file]), /both have a token/);
  assert.throws(() => parseFanout(["--token", file]), /--token needs --url/);
  rmSync(folder, { recursive: true });
});
