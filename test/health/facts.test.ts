import assert from "node:assert/strict";
import { access, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import { Counters } from "../../moq/counters.ts";
import { certificateChecks } from "../../relay/health/certificate.ts";
import { stateFolderCheck } from "../../relay/health/state-folder.ts";
import { dropsIn, udpCheck } from "../../relay/health/udp.ts";
import { Descriptors } from "../../relay/host/descriptors.ts";
import { certificateHosts, makeSelfSigned } from "../../transport/tls/index.ts";
import { captureLog } from "../support/log.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);

describe("certificates", () => {
  const kept = { generated: false, selfSigned: false };

  /** What the checks find of a certificate for `relay.example`, which ends 13 days after {@link NOW}. */
  async function found(at: {
    days?: number;
    warnDays?: number;
    names?: string[];
    generated?: boolean;
    selfSigned?: boolean;
  }) {
    const certificate = await makeSelfSigned(certificateHosts(["relay.example"]), NOW);
    const checks = certificateChecks({
      served: () => ({ ...kept, ...at, certificate }),
      wallNow: () => NOW + (at.days ?? 0) * DAY_MS,
      warnDays: () => at.warnDays ?? 7,
      names: at.names ?? [],
    });
    return Object.fromEntries(
      checks.flatMap(({ code, run }) => [run()].flatMap((one) => (one === undefined ? [] : [[code, one]]))),
    );
  }

  test("that are valid for long and for the names of the relay are well", async () => {
    assert.deepEqual(await found({ names: ["relay.example", "127.0.0.1", "::1"] }), {});
  });

  test("are found before their begin, in their last days and after their end", async () => {
    assert.deepEqual(Object.keys(await found({ days: -2 })), ["certificate_not_yet_valid"]);
    const soon = await found({ days: 8 });
    assert.deepEqual(Object.keys(soon), ["certificate_expires_soon"]);
    assert.match(String(soon["certificate_expires_soon"]), /expires in [45] days, at 2026-06-1\d/);
    const over = await found({ days: 20 });
    assert.deepEqual(Object.keys(over), ["certificate_expired", "certificate_expires_soon"]);
    assert.match(String(over["certificate_expired"]), /expired at 2026-06-1\d/);
  });

  test("that the relay renews by itself are not found before their end", async () => {
    assert.deepEqual(await found({ days: 12, generated: true, selfSigned: true }), {});
    assert.deepEqual(Object.keys(await found({ days: 20, generated: true })), ["certificate_expired"]);
  });

  test("without a name of the relay are found, unless clients know them by their fingerprint", async () => {
    const names = ["relay.example", "other.example", "192.0.2.1"];
    const mismatch = await found({ names });
    assert.match(String(mismatch["certificate_name_mismatch"]), /^no certificate is for other\.example, 192\.0\.2\.1:/);
    assert.deepEqual(await found({ names, selfSigned: true }), {});
  });
});

describe("dropped packets of UDP", () => {
  test("are read from the system's tables by the relay's port", () => {
    const table = [
      "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
      "  100: 00000000:115B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 7",
      "  101: 0100007F:115B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2 2 0000000000000000 5",
      "  102: 00000000:215B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3 2 0000000000000000 9",
    ].join("\n");
    assert.deepEqual(
      [dropsIn(table, 0x115b), dropsIn(table, 0x215b), dropsIn(table, 1), dropsIn("", 1)],
      [12, 9, 0, 0],
    );
  });

  test("are found where there are many between two readings; those before the start do not count", async () => {
    const totals = [5_000, 5_099, 5_199, 5_199];
    const check = udpCheck(4443, async () => totals.shift() ?? 0);
    assert.deepEqual([await check.run(), await check.run()], [undefined, undefined]);
    assert.match(String(await check.run()), /dropped 100 packets at UDP port 4443 in 5 s/);
    assert.equal(await check.run(), undefined);
  });
});

describe("the state folder", () => {
  test("that can be written keeps no file of the check", async () => {
    const check = stateFolderCheck(tmpdir());
    assert.equal(await check.run(), undefined);
    await assert.rejects(access(join(tmpdir(), `.health-${process.pid}`)));
  });

  test("that is full or missing is found, with the system's error", async () => {
    const full = stateFolderCheck("/var/lib/moqmesh", () => writeFile("/dev/full", "x"));
    assert.match(String(await full.run()), /^the state folder \/var\/lib\/moqmesh cannot be written: ENOSPC/);
    assert.match(String(await stateFolderCheck("/nowhere").run()), /cannot be written: ENOENT/);
  });
});

test("file descriptors are nearly used up from nine tenths on", () => {
  const clock = new ManualClock();
  let lowest = 0;
  const { log } = captureLog();
  const probe = (done: (error: undefined, descriptor: number) => void) => done(undefined, lowest);
  const descriptors = new Descriptors({ clock, log, counters: new Counters(), limit: 1_000, probe });
  const after = (descriptor: number) => {
    lowest = descriptor;
    clock.advance(1_000);
    return [descriptors.nearlyExhausted, descriptors.exhausted];
  };
  assert.deepEqual([899, 900, 968, 20].map(after), [
    [false, false],
    [true, false],
    [true, true],
    [false, false],
  ]);
  descriptors.close();
});
