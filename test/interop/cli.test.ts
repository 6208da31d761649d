/** `moqmesh ls` and `moqmesh fetch` against a relay with a publisher of another implementation. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { recordedIo } from "../cli/support/io.ts";
import { frameBytes, freshPath, publish, TRACK, writeFrame, writeGroup } from "./support/media.ts";
import { relayForTests } from "./support/relay.ts";

const TIMEOUT = { timeout: patient(20_000) };
/** Seed of binary content that needs several packets. */
const SEED = 9;

const { peers, relay } = relayForTests({ "limits.subscribe_wait": "200ms" });

async function run(...args: string[]) {
  const io = recordedIo();
  const code = await runProgram(args, io);
  return { code, out: io.stdout(), bytes: io.stdoutBytes(), err: io.stderr() };
}

/** The payload of group `group` as {@link writeGroup} wrote it. */
function groupBytes(group: number, frames: number): Buffer {
  return Buffer.concat(Array.from({ length: frames }, (_, frame) => frameBytes(SEED, group, frame)));
}

for (const scheme of ["http:", "ws:"]) {
  test(`ls over ${scheme} lists live broadcasts under a prefix`, TIMEOUT, async () => {
    const publisher = await peers.connect("webtransport", "moq-lite-05");
    const paths = [freshPath(), freshPath()].sort();
    for (const path of paths) publish(publisher, path);
    const url = new URL(relay().url);
    url.protocol = scheme;
    await publisherSeen(url, paths);
    const all = await run("ls", url.href, "interop");
    assert.deepEqual(all, { code: 0, out: `${paths.join("\n")}\n`, bytes: Buffer.from(all.out), err: "" });
    const none = await run("ls", url.href, "interop/nobody");
    assert.deepEqual([none.code, none.out, none.err], [0, "", "No broadcast is live under interop/nobody.\n"]);
  });
}

/** Attempts to list a broadcast; each opens a connection, which gives the publisher time. */
const MAX_ATTEMPTS = 50;

/** Waits until the relay lists all paths. */
async function publisherSeen(url: URL, paths: readonly string[]): Promise<void> {
  for (let look = 0; look < MAX_ATTEMPTS; look++) {
    const { code, out, err } = await run("ls", url.href);
    assert.equal(code, 0, err);
    if (paths.every((path) => out.includes(path))) return;
  }
  assert.fail(`the relay does not list ${paths.join(", ")}`);
}

test("ls --json prints the protocol and the paths as one object", TIMEOUT, async () => {
  const path = freshPath();
  publish(await peers.connect("webtransport", "moq-lite-05"), path);
  await publisherSeen(relay().url, [path]);
  const { code, out } = await run("ls", relay().url.href, path, "--json", "--protocol", "moq-lite-04");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), {
    url: relay().url.origin,
    protocol: "moq-lite-04",
    prefix: path,
    // moq-lite-04 cannot say that a list is complete.
    complete: null,
    broadcasts: [path],
  });
});

test("fetch writes the bytes of a group, the latest one by default", TIMEOUT, async () => {
  const path = freshPath();
  const { track } = publish(await peers.connect("webtransport", "moq-lite-05"), path);
  for (let group = 0; group < 3; group++) writeGroup(track, SEED, group, 6);
  await publisherSeen(relay().url, [path]);
  const latest = await run("fetch", relay().url.href, path, TRACK);
  assert.equal(latest.code, 0, latest.err);
  assert.ok(latest.bytes.equals(groupBytes(2, 6)));
  const first = await run("fetch", relay().url.href, path, TRACK, "0");
  assert.equal(first.code, 0, first.err);
  assert.ok(first.bytes.equals(groupBytes(0, 6)));
});

test("fetch --json summarises the frames, --out writes them to a file", TIMEOUT, async () => {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-fetch-"));
  const path = freshPath();
  const { track } = publish(await peers.connect("webtransport", "moq-lite-05"), path);
  const group = track.appendGroup();
  writeFrame(group, new TextEncoder().encode("one"));
  writeFrame(group, new TextEncoder().encode("three"));
  group.close();
  await publisherSeen(relay().url, [path]);
  const file = join(folder, "group.bin");
  const args = ["--json", "--out", file, "--protocol", "moq-lite-04"];
  const { code, out } = await run("fetch", relay().url.href, path, TRACK, ...args);
  assert.equal(code, 0);
  const summary: { protocol: string; group: number; bytes: number; frames: { bytes: number; sha256: string }[] } =
    JSON.parse(out);
  assert.deepEqual([summary.protocol, summary.group, summary.bytes], ["moq-lite-04", 0, 8]);
  assert.deepEqual(
    summary.frames.map((frame) => [frame.bytes, frame.sha256.slice(0, 8)]),
    [
      [3, "7692c3ad"],
      [5, "8b5b9db0"],
    ],
  );
  assert.equal(await readFile(file, "utf8"), "onethree");
  await rm(folder, { recursive: true });
});

test("fetch does not write binary data to a terminal", TIMEOUT, async () => {
  const path = freshPath();
  const { track } = publish(await peers.connect("webtransport", "moq-lite-05"), path);
  writeGroup(track, SEED, 0, 3);
  await publisherSeen(relay().url, [path]);
  const io = recordedIo({ terminal: true });
  assert.equal(await runProgram(["fetch", relay().url.href, path, TRACK], io), 2);
  assert.equal(io.stdout(), "");
  assert.match(io.stderr(), /binary.*--out FILE/);
});

test("fetch exits with 5 for a missing broadcast", TIMEOUT, async () => {
  for (const group of [[], ["0"]]) {
    const { code, out, err } = await run(
      "fetch",
      relay().url.href,
      "interop/nobody",
      TRACK,
      ...group,
      "--timeout",
      "1s",
    );
    assert.equal(code, 5, err);
    assert.equal(out, "");
    assert.match(err, /(^|\n)moqmesh: interop\/nobody is not live at 127\.0\.0\.1:\d+\n$/);
  }
});

test("ls exits with 4 when nothing listens or the certificate is not trusted", TIMEOUT, async () => {
  const nobody = await run("ls", "ws://127.0.0.1:9/", "--timeout", "2s");
  assert.equal(nobody.code, 4, nobody.err);
  const url = new URL(relay().url);
  url.protocol = "https:";
  const doubtful = await run("ls", url.href);
  assert.equal(doubtful.code, 4);
  assert.match(doubtful.err, /use --fingerprint HEX .*; for a relay on your own machine, use http:\/\//);
  const pinned = await run("ls", url.href, "--fingerprint", Buffer.from(relay().certificateHash).toString("hex"));
  assert.equal(pinned.code, 0, pinned.err);
});
