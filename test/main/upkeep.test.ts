/** What a running relay watches: files, readiness, file descriptors, and the steps of its start. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import type { Clock } from "../../moq/clock.ts";
import { Counters } from "../../moq/counters.ts";
import { bindFailed } from "../../relay/host/bind-failed.ts";
import { Descriptors, type Probe } from "../../relay/host/descriptors.ts";
import { FileWatch, type Watched } from "../../relay/host/file-watch.ts";
import { nativeSettings } from "../../relay/host/native.ts";
import { Readiness } from "../../relay/host/readiness.ts";
import { StartEnded, Steps } from "../../relay/host/steps.ts";
import { captureLog } from "../support/log.ts";
import { configOf } from "../support/relay.ts";
import { until } from "../support/until.ts";

/** Milliseconds between two checks of the files. */
const LOOK_MS = 1_000;

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "moqmesh-files-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function watching(name: string, changed: Watched["changed"]) {
  const file = join(folder, name);
  await writeFile(file, "one");
  const manual = new ManualClock();
  let looks = 0;
  const clock: Clock = {
    now: () => manual.now(),
    timer: (delayMs, callback) => {
      if (delayMs === LOOK_MS) looks++;
      return manual.timer(delayMs, callback);
    },
    soon: queueMicrotask,
  };
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const watch = new FileWatch([{ group: "tls", what: name, files: [file], changed }], { clock, warn });
  await watch.open();
  watch.start();
  /** Runs one check to its end: the timer of the next one is set then. */
  const look = async () => {
    const before = looks;
    manual.advance(LOOK_MS);
    await until(() => looks > before);
  };
  return { file, watch, look, warnings };
}

describe("files that were read at the start", () => {
  test("are read again once they were replaced and do not change between two checks", async () => {
    let reads = 0;
    const { file, watch, look } = await watching("replaced", async () => ++reads > 0);
    await look();
    assert.equal(reads, 0);
    await writeFile(`${file}.new`, "two");
    await rename(`${file}.new`, file);
    await look();
    assert.equal(reads, 0, "its other half may not be there yet");
    await look();
    await look();
    assert.equal(reads, 1);
    watch.close();
  });

  test("are read again when only their permissions changed, and when a copy kept their times", async () => {
    let reads = 0;
    const { file, watch, look } = await watching("permissions", async () => ++reads > 0);
    await chmod(file, 0o600);
    await look();
    await look();
    assert.equal(reads, 1);
    const { atime, mtime } = await stat(file);
    await writeFile(file, "two");
    await utimes(file, atime, mtime);
    await look();
    await look();
    assert.equal(reads, 2);
    watch.close();
  });

  test("are read again at once on request, also when they seem unchanged", async () => {
    const { watch, look } = await watching("asked", async () => true);
    assert.deepEqual(await watch.reload(), ["asked"]);
    await look();
    watch.close();
  });

  test("stay in use when their new content is unusable, and the log says so", async () => {
    const { watch, warnings } = await watching("broken", () => Promise.reject(new Error("no")));
    assert.deepEqual(await watch.reload(), []);
    assert.deepEqual(warnings, ["the files of broken cannot be used: no; their last content stays in use"]);
    watch.close();
  });
});

test("files that are unreadable for a while are read once they are readable, and the log gives the reason once", async () => {
  let tries = 0;
  const changed = async () => {
    tries++;
    if (tries < 4) throw new Error("EMFILE");
    return true;
  };
  const { file, watch, look, warnings } = await watching("retried", changed);
  await writeFile(file, "another");
  await until(async () => {
    await look();
    return tries >= 4;
  });
  for (let looks = 0; looks < 5; looks++) await look();
  assert.deepEqual([tries, warnings.length], [4, 1]);
  watch.close();
});

describe("readiness in the log", () => {
  test("is one line when the relay is ready from the start", () => {
    const { log, entries } = captureLog();
    const clock = new ManualClock();
    const readiness = new Readiness({ clock, log, reasons: () => [], facts: { port: 1 } });
    clock.advance(1_000);
    assert.deepEqual(
      entries.map(({ msg, port }) => [msg, port]),
      [["relay ready", 1]],
    );
    void readiness.close();
    assert.equal(clock.pending, 0);
  });

  test("is `listening` with the reasons at first, ready once they are gone, and then one line for each change", () => {
    const { log, entries } = captureLog();
    const clock = new ManualClock();
    let reasons = ["no_root"];
    const readiness = new Readiness({ clock, log, reasons: () => reasons, facts: { port: 1 } });
    for (const next of [["no_root"], [], [], ["file_descriptors"], []]) {
      reasons = next;
      clock.advance(250);
    }
    assert.deepEqual(
      entries.map(({ msg, port, reasons: why }) => [msg, port, why]),
      [
        ["listening", 1, ["no_root"]],
        ["relay ready", 1, undefined],
        ["relay not ready: /health/ready answers 503; open sessions continue", undefined, ["file_descriptors"]],
        ["relay ready again", undefined, undefined],
      ],
    );
    void readiness.close();
  });
});

describe("file descriptors", () => {
  test("that run out are one log line, a count and a reason for not being ready, until some are free again", () => {
    const { log, entries } = captureLog();
    const clock = new ManualClock();
    const counters = new Counters();
    let answer: Parameters<Parameters<Probe>[0]> = [undefined, 20];
    const probe: Probe = (done) => done(...answer);
    const descriptors = new Descriptors({ clock, log, counters, limit: 100, probe });
    clock.advance(1_000);
    assert.equal(descriptors.exhausted, false);
    answer = [Object.assign(new Error("too many open files"), { code: "EMFILE" }), -1];
    for (let second = 0; second < 10; second++) clock.advance(1_000);
    assert.equal(descriptors.exhausted, true);
    assert.equal(counters.boundsHit.file_descriptors, 10);
    answer = [undefined, 68];
    clock.advance(1_000);
    assert.equal(descriptors.exhausted, true, "too few are left");
    answer = [undefined, 67];
    clock.advance(1_000);
    assert.equal(descriptors.exhausted, false);
    const said = entries.map(({ level, code, limit, msg }) => [level, code, limit, String(msg).slice(0, 24)]);
    assert.deepEqual(said, [
      ["error", "EMFILE", 100, "out of file descriptors:"],
      ["info", undefined, undefined, "file descriptors are fre"],
    ]);
    descriptors.close();
    assert.equal(clock.pending, 0);
  });
});

describe("file descriptors for clients", () => {
  test("end before the last ones, which the relay needs itself; closed connections count at once", () => {
    const { log } = captureLog();
    const clock = new ManualClock();
    const counters = new Counters();
    let lowest = 60;
    const probe: Probe = (done) => done(undefined, lowest);
    const descriptors = new Descriptors({ clock, log, counters, limit: 100, probe });
    const taken = (count: number) => Array.from({ length: count }, () => descriptors.take()).filter(Boolean).length;
    assert.equal(taken(20), 8, "32 of 100 stay");
    assert.equal(counters.boundsHit.file_descriptors, 12);
    descriptors.give();
    assert.equal(taken(2), 1);
    lowest = 68;
    clock.advance(1_000);
    assert.equal(descriptors.exhausted, true, "connections were refused");
    for (let closed = 0; closed < 8; closed++) descriptors.give();
    assert.equal(taken(20), 8);
    for (let closed = 0; closed < 8; closed++) descriptors.give();
    lowest = 60;
    clock.advance(2_000);
    assert.equal(descriptors.exhausted, false);
    descriptors.close();
  });
});

describe("a step of the start", () => {
  const never = () => new Promise<never>(() => {});

  test("fails with its name when it exceeds its time limit", async () => {
    const clock = new ManualClock();
    const failed = assert.rejects(new Steps(clock, undefined).run("the certificate", never), {
      code: "start_hangs",
      message: /^the start hangs: the certificate was not ready after 30 s/,
    });
    clock.advance(30_000);
    await failed;
  });

  test("ends when the start is aborted before it or during it", async () => {
    const clock = new ManualClock();
    const end = new AbortController();
    const steps = new Steps(clock, end.signal);
    assert.equal(await steps.run("the first", () => Promise.resolve(1)), 1);
    const middle = assert.rejects(steps.run("the second", never), StartEnded);
    end.abort();
    await middle;
    await assert.rejects(steps.run("the third", never), StartEnded);
    assert.equal(clock.pending, 0);
  });
});

test("a socket that cannot be bound is named with the system's error and what to do", () => {
  const failure = (code: string) => Object.assign(new Error("bind"), { code });
  const cases: [port: number, cause: unknown, text: RegExp][] = [
    [443, failure("EACCES"), /^cannot listen on UDP \[::\]:443: permission denied \(EACCES\); .*CAP_NET_BIND_SERVICE/],
    [443, new Error("cannot bind [::]:443: Permission denied (os error 13)"), /EACCES.*CAP_NET_BIND_SERVICE/],
    [4443, failure("EACCES"), /permission denied \(EACCES\)$/],
    [4443, new Error("cannot bind: Address already in use (os error 98)"), /in use \(EADDRINUSE\); `ss -lnup/],
    [4443, failure("EADDRNOTAVAIL"), /this machine does not have this address \(EADDRNOTAVAIL\)/],
    [4443, failure("ENOBUFS"), /no buffer space available \(ENOBUFS\)/],
    [4443, new Error("something else"), /: something else$/],
  ];
  for (const [port, cause, text] of cases) assert.match(bindFailed("UDP", "::", port, cause).message, text);
});

describe("files that the engine starts with", () => {
  for (const name of ["quic.reset_key_file"]) {
    test(`must be regular files of a bounded size: ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "moqmesh-engine-"));
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      for (const [file, why] of [
        [pipe, /pipe cannot be read: it is not a regular file/],
        ["/dev/zero", /\/dev\/zero cannot be read: it is not a regular file/],
        [folder, /cannot be read: it is a folder/],
      ] as const) {
        const made = nativeSettings(configOf({ [name]: file }), () => {});
        await assert.rejects(made, why);
      }
      await rm(folder, { recursive: true, force: true });
    });
  }
});
