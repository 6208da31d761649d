/** The machine as files of /proc and /sys: each test gives a tree of its own. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { loadConfig } from "../../relay/config/config.ts";
import { clockSteps, ntpOffset, offsetFinding } from "../../relay/doctor/clock.ts";
import type { Finding } from "../../relay/doctor/contract.ts";
import { examineHost } from "../../relay/doctor/host.ts";
import { examineKernel, sysctlFile } from "../../relay/doctor/kernel.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-doctor-"));
after(() => rmSync(folder, { recursive: true }));

const { config } = loadConfig({ env: { MOQMESH_TLS_STATE_DIR: folder } });

type Tree = Readonly<Record<string, string>>;

const GOOD: Tree = {
  "/proc/self/limits": "Limit  Soft Limit  Hard Limit  Units\nMax open files            65536      65536      files",
  "/proc/sys/kernel/osrelease": "6.8.0-45-generic",
  "/proc/meminfo": "MemTotal:       8388608 kB\nSwapTotal:      0 kB\nSwapFree:       0 kB",
  "/sys/fs/cgroup/memory.max": "max",
  "/sys/fs/cgroup/cpu.max": "max 100000",
  "/proc/sys/net/ipv6/conf/all/disable_ipv6": "0",
  "/proc/net/if_inet6": "20010db8000000000000000000000001 02 40 00 80     eth0",
  "/proc/net/dev": "Inter-|   Receive\n face |bytes\n    lo: 1 2\n  eth0: 1 2",
  "/sys/class/net/eth0/mtu": "1500",
  "/sys/class/net/lo/mtu": "65536",
  "/run/systemd/timesync/synchronized": "",
  "/proc/sys/net/core/rmem_max": "8388608",
  "/proc/sys/net/core/wmem_max": "8388608",
  "/proc/sys/net/core/netdev_max_backlog": "5000",
  "/proc/sys/net/core/somaxconn": "4096",
  "/proc/sys/net/ipv4/udp_mem": "95000\t127000\t190000",
  "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999",
  "/proc/sys/net/netfilter/nf_conntrack_max": "262144",
};

async function examined(tree: Tree): Promise<Finding[]> {
  const read = (path: string) => Promise.resolve(tree[path]);
  return [...(await examineHost(read, config)), ...(await examineKernel(read, config))];
}

test("a good machine has no finding but ok", async () => {
  const found = await examined(GOOD);
  assert.deepEqual(
    found.filter(({ status }) => status !== "ok"),
    [],
  );
  assert.equal(found.length, 16);
});

describe("one thing is wrong", () => {
  const table: [what: string, change: Tree, finding: string, says: RegExp][] = [
    [
      "few open files",
      { "/proc/self/limits": "Max open files            1024      4096      files" },
      "warn open_files",
      /1024, wanted 11024: .*sessions is 10000/,
    ],
    [
      "hardly any open files",
      { "/proc/self/limits": "Max open files            256      256      files" },
      "fail open_files",
      /256, wanted/,
    ],
    ["an old kernel", { "/proc/sys/kernel/osrelease": "4.15.0" }, "warn udp_offload", /lacks GSO \(4\.18\) and GRO/],
    ["a kernel without GRO", { "/proc/sys/kernel/osrelease": "4.19.1" }, "warn udp_offload", /lacks GRO \(5\.0\)/],
    [
      "little memory in the cgroup",
      { "/sys/fs/cgroup/memory.max": "134217728" },
      "warn memory_limit",
      /128MiB, the limit of the cgroup/,
    ],
    ["half a CPU", { "/sys/fs/cgroup/cpu.max": "50000 100000" }, "warn cpu_limit", /allows 0\.50 CPUs/],
    [
      "memory on a disk",
      { "/proc/meminfo": "MemTotal: 8388608 kB\nSwapTotal: 1048576 kB\nSwapFree: 524288 kB" },
      "warn swap",
      /512 MiB in use/,
    ],
    ["IPv6 switched off", { "/proc/sys/net/ipv6/conf/all/disable_ipv6": "1" }, "warn ipv6", /^off/],
    [
      "IPv6 of the link alone",
      { "/proc/net/if_inet6": "fe800000000000000000000000000001 02 40 20 80     eth0" },
      "warn ipv6",
      /without a global address/,
    ],
    [
      "an interface that is too narrow",
      { "/sys/class/net/eth0/mtu": "1200" },
      "fail interface_mtu",
      /1200 bytes, wanted 1248/,
    ],
    [
      "a small receive buffer",
      { "/proc/sys/net/core/rmem_max": "212992" },
      "warn kernel_setting",
      /212992 bytes, wanted 4194304: largest receive buffer/,
    ],
    [
      "a short queue of connections",
      { "/proc/sys/net/core/somaxconn": "128" },
      "warn kernel_setting",
      /128 connections, wanted 1024/,
    ],
    [
      "little memory for UDP",
      { "/proc/sys/net/ipv4/udp_mem": "1000 2000 3000" },
      "warn kernel_setting",
      /3000 pages, wanted 65536/,
    ],
    [
      "few ports",
      { "/proc/sys/net/ipv4/ip_local_port_range": "60000 60999" },
      "warn kernel_setting",
      /1000 ports, wanted 16384/,
    ],
    [
      "a small table of the firewall",
      { "/proc/sys/net/netfilter/nf_conntrack_max": "8192" },
      "warn kernel_setting",
      /8192 connections, wanted 65536/,
    ],
  ];
  for (const [what, change, expected, says] of table) {
    test(what, async () => {
      const bad = (await examined({ ...GOOD, ...change })).filter(({ status }) => status !== "ok");
      assert.deepEqual(
        bad.map(({ status, code }) => `${status} ${code}`),
        [expected],
      );
      assert.match(bad[0]?.text ?? "", says);
      assert.ok((bad[0]?.remedy ?? "").length > 10);
    });
  }
});

test("in a container without these files everything but the disk is skipped, and nothing fails", async () => {
  const found = await examined({});
  assert.deepEqual(
    new Set(found.map(({ status, code }) => (code === "state_disk" || code === "ipv6" ? "" : status))),
    new Set(["skipped", ""]),
  );
  assert.ok(found.every(({ status }) => status !== "fail"));
});

test("the file for sysctl satisfies what is examined, and deploy/ carries it", async () => {
  const text = sysctlFile(loadConfig({}).config);
  const values = [...text.matchAll(/^-?([\w.]+) = (.+)$/gm)].map(
    ([, name = "", value = ""]) => [`/proc/sys/${name.replaceAll(".", "/")}`, value] as const,
  );
  assert.equal(values.length, 6);
  const found = await examined({ ...GOOD, ...Object.fromEntries(values) });
  assert.ok(found.every(({ status }) => status === "ok"));
  const shipped = new URL("../../deploy/sysctl.d/60-moqmesh.conf", import.meta.url);
  assert.equal(readFileSync(shipped, "utf8"), text, "run `moqmesh doctor --sysctl` again");
});

describe("the clock", () => {
  test("is compared with an NTP server", async () => {
    const server = createSocket("udp4");
    server.on("message", (request, { port, address }) => {
      assert.equal((request[0] ?? 0) & 0x7, 3, "a client's request");
      const answer = Buffer.alloc(48);
      const now = Date.now() + 10_000;
      for (const at of [32, 40]) {
        answer.writeUInt32BE(Math.floor(now / 1_000) + 2_208_988_800, at);
        answer.writeUInt32BE(Math.floor(((now % 1_000) / 1_000) * 2 ** 32), at + 4);
      }
      server.send(answer, port, address);
    });
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const offset = await ntpOffset(`127.0.0.1:${server.address().port}`, Date.now);
    server.close();
    assert.ok(Math.abs(offset - 10_000) < 500, String(offset));
  });

  test("that differs is a warning from 1 s on, and a failure from 5 s on; a date in whole seconds counts from 2 s on", () => {
    const of = (ms: number, exact: boolean) => {
      const { status, text } = offsetFinding(ms, "a", exact);
      return `${status} ${text}`;
    };
    assert.equal(of(-200, true), "ok 0.200 s ahead of a");
    assert.equal(of(1_500, true), "warn 1.500 s behind a");
    assert.equal(of(-7_000, true), "fail 7.000 s ahead of a");
    assert.equal(of(1_500, false), "ok 2 s behind a");
    assert.equal(of(3_000, false), "warn 3 s behind a");
  });

  test("that was set back is seen by files from the future, and by a step meanwhile", async () => {
    writeFileSync(join(folder, "reset.key"), "");
    assert.equal((await clockSteps(folder, Date.now, 0)).status, "ok");
    const future = Date.now() / 1_000 + 3_600;
    utimesSync(join(folder, "reset.key"), future, future);
    const { status, text } = await clockSteps(folder, Date.now, 0);
    assert.equal(status, "warn");
    assert.match(text, /in the future: the clock was set back/);
    assert.match((await clockSteps(folder, Date.now, -60_000)).text, /set by -60\.0 s during/);
  });
});
