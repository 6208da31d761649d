import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runProgram } from "../../cli/main.ts";
import { nodesAt, Stage, type Staged } from "../mesh/support/stage.ts";
import { ADMIN_SECRET } from "../support/admin.ts";
import { missingEngine } from "../support/engines.ts";
import { TestKey } from "../support/keys.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { recordedIo } from "./support/io.ts";

const OPEN = { "auth.public_subscribe": "/", "auth.public_publish": "/" };

/** A short measurement of many small frames. */
const SHORT = ["--duration", "100ms", "--rate", "200"];

/** Longer than any test: a test ends it. */
const LONG = ["--duration", "5m"];

interface Answer {
  readonly ok: boolean;
  readonly interrupted: boolean;
  readonly broadcast?: string;
  readonly published: number;
  readonly watch: readonly {
    readonly url: string;
    readonly announce_ms?: number;
    readonly first_frame_ms?: number;
    readonly hops?: readonly { readonly hop: string; readonly node?: string }[];
    readonly delay_ms: { readonly p50: number; readonly p99: number; readonly max: number } | null;
    readonly received: number;
    readonly lost: number;
    readonly duplicates: number;
    readonly damaged: number;
  }[];
  readonly findings: readonly { readonly url: string; readonly code: string; readonly message: string }[];
}

async function probe(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const io = recordedIo({ env });
  const code = await runProgram(["probe", ...args], io);
  return { code, out: io.stdout(), err: io.stderr() };
}

async function probeJson(args: readonly string[], env?: Readonly<Record<string, string>>) {
  const { code, out } = await probe([...args, "--json"], env);
  return { code, answer: JSON.parse(out) as Answer };
}

/** Runs the command and calls `act` in the middle of the measurement; gives how it ended. `relay` takes the publisher. */
async function whileMeasuring(
  args: readonly string[],
  { relay }: Pick<Staged, "relay">,
  act: () => void | Promise<void>,
) {
  const io = recordedIo();
  const running = runProgram(["probe", ...args], io);
  await until(() => io.stdout().includes("measuring"));
  const before = relay.counters.framesIn;
  await until(() => relay.counters.framesIn >= before + 3);
  await act();
  return { code: await running, out: io.stdout() };
}

/** Resolves when the relay has no session and no broadcast any more. */
async function idle({ counters }: TestRelay): Promise<void> {
  await until(() => counters.sessionsActive === 0 && counters.broadcastsActive === 0);
}

async function withKey(work: (relay: TestRelay, key: TestKey) => Promise<void>): Promise<void> {
  const key = await TestKey.make("k", { alg: "HS256" });
  try {
    await withRelay({ "auth.key_file": key.file }, (relay) => work(relay, key));
  } finally {
    await key.remove();
  }
}

describe("moqmesh probe at one relay", () => {
  it("measures every frame, over WebTransport, QUIC and WebSocket, and leaves nothing behind", () =>
    withRelay(OPEN, async (relay) => {
      const watched = ["http", "ws"].flatMap((scheme) => ["--watch", relay.at(scheme).href]);
      const { code, answer } = await probeJson(["--publish", relay.at("http", "/live").href, ...watched, ...SHORT]);
      assert.deepEqual([code, answer.ok, answer.findings], [0, true, []]);
      assert.match(answer.broadcast ?? "", /^live\/moqmesh-probe-[0-9a-f]{32}$/);
      assert.ok(answer.published >= 10);
      for (const one of answer.watch) {
        const { received, lost, duplicates, damaged, delay_ms, hops } = one;
        assert.deepEqual(
          { received, lost, duplicates, damaged },
          { received: answer.published, lost: 0, duplicates: 0, damaged: 0 },
        );
        assert.equal(hops?.length, 2);
        assert.ok(
          delay_ms !== null && delay_ms.p50 > 0 && delay_ms.p50 <= delay_ms.p99 && delay_ms.p99 <= delay_ms.max,
        );
        assert.ok((one.announce_ms ?? 0) > 0 && (one.first_frame_ms ?? 0) > 0);
      }
      await idle(relay);
      if (missingEngine() !== false) return;
      for (const scheme of ["moql", "moqt"]) {
        const raw = await probe(["--publish", relay.at(scheme).href, ...SHORT, "--insecure"]);
        assert.equal(raw.code, 0, raw.out);
      }
    }));

  it("prints a line for each step, a table and a verdict", () =>
    withRelay(OPEN, async (relay) => {
      const { code, out, err } = await probe(["--publish", relay.url.href, ...SHORT]);
      assert.deepEqual([code, err], [0, ""]);
      const url = relay.url.href;
      assert.ok(out.startsWith(`probe ${url} -> ${url}\n`));
      assert.match(out, /ms {2}publish .* by moq-lite-06\n/);
      assert.match(out, /announced .*, 2 hops\n.*first frame /);
      assert.match(
        out,
        /\n\d+ frames in .*\nWATCH +HOPS +P50 +P99 +MAX +LOST +DUPLICATES\n.* 2 .* 0 of \d+ \(0 %\) +0\nok\n$/,
      );
    }));

  it("ends with 1 and names what is over its bound", () =>
    withRelay(OPEN, async (relay) => {
      const { code, out } = await probe([
        "--publish",
        relay.url.href,
        ...SHORT,
        "--max-delay",
        "0ms",
        "--max-loss",
        "0%",
      ]);
      assert.equal(code, 1);
      assert.match(out, /FAILED: .*p99 of the delay is .*, over --max-delay 0\.00 ms\n$/);
      assert.doesNotMatch(out, /--max-loss/);
    }));

  it("ends with 130 and what it has measured at Ctrl-C", () =>
    withRelay(OPEN, async (relay) => {
      const { code, out } = await whileMeasuring(
        ["--publish", relay.url.href, ...LONG],
        relay,
        () => void process.emit("SIGINT", "SIGINT"),
      );
      assert.equal(code, 130);
      assert.match(out, /\n\d+ frames in .*\nWATCH .*\n.*\ninterrupted\n$/);
      await idle(relay);
    }));

  it("refuses a command line that cannot be meant", async () => {
    const url = "http://127.0.0.1:1/";
    for (const args of [
      [],
      ["--publish", "ftp://x/"],
      ["--publish", url, "--rate", "0"],
      ["--publish", url, "--size", "15"],
      ["--publish", url, "--duration", "11m"],
      ["--publish", url, "--max-loss", "2"],
      ["--publish", url, "--admin-token-file", "x"],
      ["--publish", url, "--admin", "x"],
      ["--publish", url, ...Array.from({ length: 17 }, () => ["--watch", url]).flat()],
    ]) {
      assert.equal((await probe(args)).code, 2, args.join(" "));
    }
  });
});

describe("the tokens of moqmesh probe", () => {
  it("are one for each side, and the broadcast is under the first prefix that both grant", () =>
    withKey(async (relay, key) => {
      const files = { put: join(key.folder, "put"), get: join(key.folder, "get") };
      await writeFile(files.put, await key.token({ root: "", put: ["private", "live/a"] }));
      await writeFile(files.get, await key.token({ root: "live", get: [""] }));
      const both = ["--publish-token-file", files.put, "--watch-token-file", files.get];
      const { code, answer } = await probeJson(["--publish", relay.url.href, ...both, ...SHORT]);
      assert.equal(code, 0);
      assert.match(answer.broadcast ?? "", /^live\/a\/moqmesh-probe-/);
      const named = await probeJson([
        "--publish",
        relay.at("http", "/live").href,
        ...both,
        ...SHORT,
        "--prefix",
        "a/b",
      ]);
      assert.match(named.answer.broadcast ?? "", /^live\/a\/b\/moqmesh-probe-/);

      const elsewhere = await probeJson(["--publish", relay.url.href, ...both, "--prefix", "other"]);
      assert.equal(elsewhere.code, 6);
      assert.match(
        elsewhere.answer.findings[0]?.message ?? "",
        /may not publish under "other", but under "private", "live\/a"$/,
      );
      const blind = await probe(["--publish", relay.url.href, ...both, "--prefix", "private"]);
      assert.equal(blind.code, 6);
      assert.match(blind.out, /what may be published \("private"\) may not be watched there\n/);
      const apart = await probe(["--publish", relay.url.href, "--watch", relay.at("http", "/live/b").href, ...both]);
      assert.equal(apart.code, 6);
    }));

  it("that are missing or refused end it with 6 and the relay's reason", () =>
    withKey(async (relay, key) => {
      const none = await probe(["--publish", relay.url.href]);
      assert.equal(none.code, 6);
      assert.match(none.out, /publish +FAILED: .*\(token_missing\)\n +pass a token with --token FILE/);
      const expired = await key.token({ root: "", put: [""], get: [""], exp: 1_000_000_000 });
      const { code, answer } = await probeJson(["--publish", relay.url.href], { MOQMESH_TOKEN: expired });
      assert.equal(code, 6);
      assert.equal(answer.findings[0]?.code, "token_expired");
      assert.ok(!JSON.stringify(answer).includes(expired.slice(0, 20)));
    }));
});

describe("moqmesh probe in a mesh", () => {
  let stage: Stage;
  let origin: Staged;
  let edge: Staged;
  let sides: readonly string[];
  let mesh: Readonly<Record<string, string>>;
  let folder: string;

  before(async () => {
    stage = await Stage.open();
    folder = await mkdtemp(join(tmpdir(), "moqmesh-probe-"));
    const { publisherToken, viewerToken } = stage.workspace;
    const files = { put: join(folder, "put.jwt"), get: join(folder, "get.jwt"), admin: join(folder, "admin") };
    await Promise.all([
      writeFile(files.put, publisherToken),
      writeFile(files.get, viewerToken),
      writeFile(files.admin, ADMIN_SECRET),
    ]);
    sides = [
      "--publish-token-file",
      files.put,
      "--watch-token-file",
      files.get,
      "--fingerprint",
      stage.workspace.fingerprint,
    ];
    const root = await stage.relay("root-1", "root");
    mesh = { "cluster.root": root.url };
    origin = await stage.relay("origin-1", "origin", mesh);
    edge = await stage.relay("edge-1", "edge", mesh);
    await until(() => nodesAt(root).length === 3);
  });
  after(async () => {
    await stage.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("measures each watched relay, and names the relays on the way", async () => {
    const admin = `http://127.0.0.1:${edge.relay.adminAddress?.port}/`;
    const { code, answer } = await probeJson([
      ...["--publish", origin.url, "--watch", edge.url, "--watch", origin.url],
      ...["--admin", admin, "--admin-token-file", join(folder, "admin")],
      ...[...sides, ...SHORT],
    ]);
    assert.deepEqual([code, answer.findings], [0, []]);
    assert.match(answer.broadcast ?? "", /^live\/moqmesh-probe-/);
    assert.deepEqual(
      answer.watch.map(({ lost, duplicates }) => ({ lost, duplicates })),
      [
        { lost: 0, duplicates: 0 },
        { lost: 0, duplicates: 0 },
      ],
    );
    const nodes = answer.watch.map(({ hops }) => hops?.map(({ node }) => node));
    assert.deepEqual(nodes, [
      [undefined, "origin-1", "edge-1"],
      [undefined, "origin-1"],
    ]);
  });

  it("goes on at the other relays when one cannot be reached, and says so", async () => {
    const args = ["--publish", origin.url, "--watch", "https://127.0.0.1:1/", "--watch", edge.url, ...sides, ...SHORT];
    const { code, answer } = await probeJson([...args, "--timeout", "1s"]);
    assert.equal(code, 4);
    assert.deepEqual(
      answer.findings.map(({ url, code: why }) => [url, why]),
      [["https://127.0.0.1:1/", "dial_timeout"]],
    );
    const [dead, good] = answer.watch;
    assert.deepEqual([dead?.received, good?.received], [0, answer.published]);
    assert.ok(answer.published > 0);
  });

  it("ends with 5 at a relay to which the broadcast does not come", async () => {
    const apart = await stage.relay("apart-1", "edge", { "cluster.node": "", "cluster.role": "", "cluster.url": "" });
    const args = ["--publish", origin.url, "--watch", apart.url, ...sides, ...SHORT];
    const { code, answer } = await probeJson([...args, "--timeout", "300ms"]);
    assert.deepEqual([code, answer.findings[0]?.code], [5, "not_announced"]);
  });

  it("writes the figures of each run of a canary in one step, and ends with 0 at SIGTERM", async () => {
    const file = join(folder, "probe.prom");
    const io = recordedIo();
    const args = ["--publish", origin.url, "--watch", edge.url, ...sides, ...SHORT];
    const running = runProgram(["probe", ...args, "--interval", "1ms", "--prometheus", file], io);
    await until(() => io.stdout().split("\n").length > 2);
    process.emit("SIGTERM", "SIGTERM");
    assert.equal(await running, 0);
    const lines = io.stdout().trim().split("\n");
    const runs = lines.length - 1;
    assert.match(lines[0] ?? "", new RegExp(`^20\\S+Z ok: ${edge.url}/ p99 .*, lost 0 of \\d+$`));
    assert.equal(lines.at(-1), `${runs} runs: ${runs} passed, 0 failed`);
    const text = await readFile(file, "utf8");
    assert.match(text, new RegExp(`^moqmesh_probe_ok\\{watch="${edge.url}/"\\} 1$`, "m"));
    assert.match(text, new RegExp(`^moqmesh_probe_runs_total\\{result="passed"\\} ${runs}$`, "m"));
    assert.match(text, /^moqmesh_probe_delay_seconds\{watch=".*",percentile="99"\} 0\.\d+$/m);
    assert.match(text, /^moqmesh_probe_hops\{.*\} 3$/m);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith("probe.prom")),
      ["probe.prom"],
    );
  });

  it("ends with 1 when the publisher's relay dies in the middle, with what was measured until then", async () => {
    const last = await stage.relay("origin-2", "origin", mesh);
    const args = ["--publish", last.url, "--watch", edge.url, ...sides, ...LONG];
    const { code, out } = await whileMeasuring(args, last, () => last.relay.close("the machine is gone"));
    assert.equal(code, 1);
    assert.match(out, /publish +FAILED: the relay has ended the session: the machine is gone\n/);
    assert.match(out, /\d+ frames in .*\nWATCH .*\n.*\nFAILED: /);
  });
});
