import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { findMoqRelay, flagsFor } from "../../bench/relays/moq-relay.ts";
import { findPin, parseCores, pinned } from "../../bench/system/pin.ts";
import { parseBusyUs, parseCpuUs, parseRssKb } from "../../bench/system/proc.ts";

/** Fields 3 to 20 of proc(5) `stat`; `utime` is 250 ticks, `stime` 50. */
const FIELDS = "S 1 100 100 0 -1 4194560 900 0 3 0 250 50 7 9 20 0 11 0";

describe("/proc", () => {
  it("gives the CPU time of a process, whatever its name contains", () => {
    assert.equal(parseCpuUs(`100 (node) ${FIELDS}`), 3_000_000);
    assert.equal(parseCpuUs(`100 (a) b (c d) ${FIELDS}`), 3_000_000);
  });

  it("gives resident memory", () => {
    assert.equal(parseRssKb("Name:\tnode\nVmPeak:\t  900 kB\nVmRSS:\t   61440 kB\nThreads:\t11\n"), 61_440);
  });

  it("gives the busy time of a core, without waits for disks", () => {
    const stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 1000 500 4 5 6 0 0\ncpu1 10 0 0 0 0 0 0 0 0 0\nintr 1\n";
    assert.equal(parseBusyUs(stat, 0), 210_000);
    assert.equal(parseBusyUs(stat, 1), 100_000);
    assert.equal(parseBusyUs(stat, 2), undefined);
  });

  it("rejects anything that is no figure", () => {
    assert.throws(() => parseCpuUs(""), /not the stat file/);
    assert.throws(() => parseCpuUs("100 (node) S 1 2"), /not the stat file/);
    // A zombie has no memory.
    assert.throws(() => parseRssKb("Name:\tnode\nState:\tZ (zombie)\n"), /not the status file/);
  });
});

describe("pinning", () => {
  it("reads lists of cores", () => {
    assert.deepEqual(parseCores("0"), [0]);
    assert.deepEqual(parseCores("1-3"), [1, 2, 3]);
    assert.deepEqual(parseCores("0,2-3"), [0, 2, 3]);
    for (const bad of ["", "a", "1-", "3-1", "-1", "1,,2", "1.5"]) assert.equal(parseCores(bad), undefined, bad);
  });

  it("wraps a command only when there are cores to pin it to", () => {
    assert.deepEqual(pinned([0, 2], ["relay", "--flag"]), ["taskset", ["-c", "0,2", "relay", "--flag"]]);
    assert.deepEqual(pinned(undefined, ["relay", "--flag"]), ["relay", ["--flag"]]);
  });

  it("is skipped with the reason when it is not possible", async () => {
    const shared = await findPin({ relay: [0], load: [0] });
    const absent = await findPin({ relay: [0], load: [4_000] });
    for (const pin of [shared, absent]) {
      assert.ok(pin.pinning === undefined && pin.why !== "", "no reason");
    }
  });
});

describe("moq-relay with io_uring", () => {
  /** Makes a program that prints these flags as its help, and calls `use` while the variable names it. */
  async function installed(flags: string, use: () => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "moqmesh-bench-test-"));
    const before = process.env["MOQ_RELAY_URING"];
    const program = join(folder, "relay");
    await writeFile(program, `#!/bin/sh\necho "moq-relay 9.9 ${flags}"\n`);
    await chmod(program, 0o755);
    process.env["MOQ_RELAY_URING"] = program;
    try {
      await use();
    } finally {
      if (before === undefined) delete process.env["MOQ_RELAY_URING"];
      else process.env["MOQ_RELAY_URING"] = before;
      await rm(folder, { recursive: true, force: true });
    }
  }

  it("is the program that its variable names, and has a name of its own in tables", async () => {
    await installed("--runtime-io-uring", async () => {
      assert.match((await findMoqRelay("moq-relay-uring"))?.name ?? "", /^moq-relay 9\.9 .* io_uring$/);
    });
  });

  it("is refused when the program is a build without it", async () => {
    await installed("--runtime-workers", async () => {
      await assert.rejects(findMoqRelay("moq-relay-uring"), /has no --runtime-io-uring: it is another build/);
    });
  });
});

describe("flags of moq-relay", () => {
  it("match its version", () => {
    const newer = flagsFor("  --listen-tls-cert <CERT>")("127.0.0.1:1", "c", "k");
    assert.deepEqual(newer.slice(0, 6), ["--listen", "127.0.0.1:1", "--listen-tls-cert", "c", "--listen-tls-key", "k"]);
    const older = flagsFor("  --server-bind <ADDR>")("127.0.0.1:1", "c", "k");
    assert.deepEqual(older.slice(0, 6), ["--server-bind", "127.0.0.1:1", "--tls-cert", "c", "--tls-key", "k"]);
  });
});
