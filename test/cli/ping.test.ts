import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { EXIT, type ExitCode } from "../../cli/exit-codes.ts";
import type { Library } from "../../cli/explain.ts";
import { runProgram } from "../../cli/main.ts";
import type { Attempt } from "../../cli/ping/contract.ts";
import { judgeToken } from "../../cli/ping/token.ts";
import { freePort, freePorts } from "../../lab/ports.ts";
import { Authority } from "../support/authority.ts";
import { missingEngine } from "../support/engines.ts";
import { TestKey } from "../support/keys.ts";
import { TestRelay, withRelay } from "../support/relay.ts";
import { recordedIo } from "./support/io.ts";

const OPEN = { "auth.public_subscribe": "/", "auth.public_publish": "/" };
const DAY_MS = 86_400_000;

/** Other engines tell clients less: neither the peer's certificate and address nor figures of the link, and they have no raw QUIC. */
const skip = missingEngine();

async function ping(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const io = recordedIo({ env });
  const code = await runProgram(["ping", ...args], io);
  return { code, out: io.stdout(), err: io.stderr() };
}

interface Answer {
  readonly ok: boolean;
  readonly ways: Record<string, boolean>;
  readonly dns: { readonly addresses: readonly string[] };
  readonly attempts: readonly {
    readonly way: string;
    readonly address?: string;
    readonly protocol?: string;
    readonly round_trips_ms?: readonly number[];
    readonly certificate?: { readonly names: readonly string[]; readonly days_left: number; readonly sha256: string };
    readonly error?: { readonly code: string };
  }[];
  readonly token?: { readonly accepted: boolean | null; readonly error?: { readonly code: string } };
}

async function pingJson(args: readonly string[], env?: Readonly<Record<string, string>>) {
  const { code, out } = await ping([...args, "--json"], env);
  return { code, answer: JSON.parse(out) as Answer };
}

/** A TCP port without UDP: what a client sees of a relay behind a firewall. */
async function withoutUdp(relay: TestRelay, work: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const inner = connectTcp(relay.port, "127.0.0.1");
    for (const socket of [client, inner]) sockets.add(socket.on("error", () => {}));
    client.pipe(inner).pipe(client);
  });
  const port = await freePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  // Another program's UDP socket of that number would change the result.
  const udp = createSocket("udp4").bind(port, "127.0.0.1");
  await once(udp, "listening");
  try {
    await work(port);
  } finally {
    udp.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe("moqmesh ping", () => {
  it("prints a line for each step of WebTransport and WebSocket, and ends with 0", { skip }, () =>
    withRelay(OPEN, async (relay) => {
      const { code, out, err } = await ping([relay.at("http", "/live").href]);
      assert.deepEqual([code, err], [0, ""]);
      const lines = out.split("\n");
      assert.equal(lines[0], `ping http://127.0.0.1:${relay.port}/live`);
      const port = String(relay.port);
      for (const [index, step] of [
        /dns +127\.0\.0\.1 is an address$/,
        /\d m?s {2}fingerprint +read over plain HTTP/,
        `\\d m?s  webtransport  connected to 127\\.0\\.0\\.1, UDP port ${port}$`,
        /certificate +for 127\.0\.0\.1, ::1, localhost; self-signed; 1[23] days left; known by its fingerprint$/,
        /\d m?s {2}session +moq-lite-06, the relay answers$/,
        /round trip +min .*, median .*, max .* \(5 samples\)$/,
        `\\d m?s  websocket +connected to 127\\.0\\.0\\.1, TCP port ${port}$`,
        /session +moq-lite-06/,
        /round trip .*5 samples/,
        /token +none needed: may publish and watch everything under this URL$/,
        /result +works over webtransport and websocket$/,
      ].entries()) {
        assert.match(lines[index + 1] ?? "", new RegExp(step));
      }
      assert.equal(relay.counters.sessionsActive, 0);
    }),
  );

  it("uses QUIC without HTTP for moql://, every way that --over names, and WebSocket alone for ws://", { skip }, () =>
    withRelay(OPEN, async (relay) => {
      const ways = async (args: string[]) => (await pingJson([...args, "--insecure"])).answer.ways;
      assert.deepEqual(await ways([relay.at("moql").href]), { quic: true, websocket: true });
      assert.deepEqual(await ways([relay.at("ws").href]), { websocket: true });
      const all = { webtransport: true, quic: true, websocket: true };
      assert.deepEqual(await ways([relay.at("https").href, "--over", "websocket,quic, webtransport"]), all);
      assert.equal((await ping([relay.at("https").href, "--over", "carrier-pigeon"])).code, 2);
    }),
  );

  it("measures with versions that have no report of the link, and says which version was agreed", { skip }, () =>
    withRelay(OPEN, async (relay) => {
      for (const protocol of ["moq-lite-04", "moq-lite-03"]) {
        const { code, answer } = await pingJson([relay.url.href, "--protocol", protocol]);
        assert.equal(code, 0);
        assert.deepEqual(
          answer.attempts.map((one) => one.protocol),
          [protocol, protocol],
        );
        assert.equal(answer.attempts[0]?.round_trips_ms?.length, 5);
      }
    }),
  );

  it("measures round trips in moq-transport as well, by an answer of the relay", { skip }, () =>
    withRelay(OPEN, async (relay) => {
      for (const protocol of ["moqt-22", "moqt-16", "moq-00"]) {
        const over = ["--over", "webtransport", "--protocol", protocol];
        const { code, answer } = await pingJson([relay.url.href, ...over]);
        assert.deepEqual([code, answer.attempts[0]?.protocol], [0, protocol]);
        assert.equal(answer.attempts[0]?.round_trips_ms?.length, 5);
      }
    }),
  );

  it("tries every address with --all, and fails when one does not answer", () =>
    withRelay({ ...OPEN, "tls.self_signed_hosts": "" }, async (relay) => {
      const url = `https://localhost:${relay.port}/`;
      const args = [url, "--insecure", "--timeout", "1s"];
      const { code, answer } = await pingJson([...args, "--all"]);
      const { addresses } = answer.dns;
      assert.ok(addresses.includes("127.0.0.1"));
      assert.equal(answer.attempts.length, 2 * addresses.length);
      assert.equal(code, addresses.length === 1 ? 0 : 1);
      const { out } = await ping([...args, "--all"]);
      assert.match(out, addresses.length === 1 ? /result +works over/ : /result +no way works at every address: /);
      assert.equal((await ping(args)).code, 0);
    }));
});

describe("the verdict of moqmesh ping on a token", () => {
  async function withKey(work: (relay: TestRelay, key: TestKey) => Promise<void>): Promise<void> {
    const key = await TestKey.make("k", { alg: "HS256" });
    try {
      await withRelay({ "auth.key_file": key.file }, (relay) => work(relay, key));
    } finally {
      await key.remove();
    }
  }

  it("names what the relay permits and what the token says, from --token, the variable or the URL", () =>
    withKey(async (relay, key) => {
      const token = await key.token({ root: "live", put: ["a"], get: [""] });
      const file = join(key.folder, "token");
      await writeFile(file, token);
      const url = relay.at("http", "/live").href;
      const given = [
        await ping([url, "--token", file]),
        await ping([url], { MOQMESH_TOKEN: token }),
        await ping([`${url}?jwt=${token}`]),
      ];
      for (const { code, out, err } of given) {
        assert.deepEqual([code, err], [0, ""]);
        assert.match(out, /token +accepted: may publish a and watch everything under this URL\n/);
        assert.match(out.replace(/\n +/g, " "), /the token says root "live", put "a", get ""; exp in 59 minutes/);
        assert.ok(!out.includes(token.slice(0, 20)));
      }
    }));

  it("gives the relay's code and advice when it refuses, with exit code 6, and never the token", { skip }, () =>
    withKey(async (relay, key) => {
      const expired = await key.token({ root: "", get: [""], exp: 1_000_000_000 });
      const { code, out } = await ping([relay.url.href], { MOQMESH_TOKEN: expired });
      assert.equal(code, 6);
      assert.match(out, /webtransport +FAILED: .* the token has expired \(token_expired\)\n/);
      assert.match(out, /websocket +FAILED: .* \(token_expired\)\n/);
      assert.match(out, /token +FAILED: .* the token has expired \(token_expired\)\n +get a new token\n/);
      assert.match(out, /result +the relay answers, and refuses the session\n/);
      const none = await pingJson([relay.at("moql").href, "--insecure"]);
      assert.equal(none.code, 6);
      assert.equal(none.answer.token?.error?.code, "token_missing");
      assert.deepEqual(
        none.answer.attempts.map(({ error }) => error?.code),
        ["token_missing", "token_missing"],
      );
      const bad = await pingJson([`${relay.url.href}?jwt=junk`]);
      assert.equal(bad.answer.token?.error?.code, "token_malformed");
      for (const text of [out, JSON.stringify(none), JSON.stringify(bad)])
        assert.ok(!text.includes(expired.slice(0, 20)));
    }),
  );
});

test("without an answer over HTTP the sessions show what the relay says of the token", async () => {
  const library: Library = { ...(await import("../../relay/client/index.ts")), askAccess: async () => undefined };
  const target = { url: new URL("https://a/"), trust: { kind: "system" }, timeoutMs: 1_000, protocols: [] } as const;
  const failed = (code: string, exit: ExitCode): Attempt => ({
    way: "quic",
    failure: { code, exit, message: code, advice: "" },
  });
  const verdict = async (...attempts: Attempt[]) => (await judgeToken(target, library, attempts)).accepted;
  assert.equal(await verdict({ way: "webtransport" }, failed("dial_timeout", EXIT.connect)), true);
  assert.equal(await verdict({ way: "webtransport" }, failed("unauthorized", EXIT.refused)), false);
  assert.equal(await verdict(failed("dial_rejected", EXIT.refused)), false);
  assert.equal(await verdict(failed("session_failed", EXIT.failed)), undefined, "an error is no refusal");
  assert.equal(await verdict(), undefined);
});

describe("moqmesh ping at a relay with a fault", () => {
  it("says that UDP does not answer where TCP does, and ends with 1", () =>
    withRelay(OPEN, (relay) =>
      withoutUdp(relay, async (port) => {
        const { code, out } = await ping([`http://127.0.0.1:${port}/`, "--timeout", "1500ms"]);
        assert.equal(code, 1);
        assert.match(
          out,
          new RegExp(`webtransport  FAILED: UDP to port ${port} does not answer .*TCP does: a firewall\\?`),
        );
        assert.match(out, /websocket +connected/);
        assert.match(out, /result +works over websocket, not over webtransport\n/);
      }),
    ));

  it("tells a host without a relay from a name that does not exist; the exit code is 4", async () => {
    const [port = 0] = await freePorts(1);
    const dead = await ping([`https://127.0.0.1:${port}/`, "--timeout", "300ms"]);
    assert.equal(dead.code, 4);
    assert.match(dead.out, /webtransport +FAILED: UDP .* nothing listens on the TCP port: the host is up/);
    assert.match(dead.out, /websocket +FAILED: .*ECONNREFUSED/);
    assert.match(
      dead.out,
      /token +unknown: no session reached the relay\n.*result +no session over webtransport and websocket/,
    );
    const unread = await ping([`http://127.0.0.1:${port}/`]);
    assert.equal(unread.code, 4);
    assert.match(unread.out, /fingerprint +FAILED: .*certificate\.sha256 cannot be read/);
    const { code, out } = await ping(["https://moqmesh.invalid/", "--timeout", "3s"]);
    assert.equal(code, 4);
    assert.match(out, /dns +FAILED: moqmesh\.invalid: (there is no host|the host's name|no name server)/);
  });

  it("shows a certificate that it does not trust: for another name, with another fingerprint, expired", {
    skip,
  }, async () => {
    const authority = await Authority.make("test authority");
    const { cert, key } = await authority.issue({ names: ["localhost", "127.0.0.1"], days: -2 });
    const relay = await TestRelay.start(OPEN);
    const folder = relay.folder;
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem"), ca: join(folder, "ca.pem") };
    await Promise.all([
      writeFile(files.cert, cert),
      writeFile(files.key, key, { mode: 0o600 }),
      writeFile(files.ca, authority.root),
    ]);
    // It started while the certificate was valid.
    const wallNow = () => Date.now() - 5 * DAY_MS;
    const old = await TestRelay.start({ ...OPEN, "tls.cert": files.cert, "tls.key": files.key }, { wallNow });
    try {
      const expired = await pingJson([old.at("https").href, "--ca", files.ca]);
      assert.equal(expired.code, 4);
      assert.deepEqual(
        expired.answer.attempts.map(({ certificate }) => certificate?.days_left),
        [-2, -2],
      );
      const { out } = await ping([old.at("https").href, "--ca", files.ca]);
      assert.match(
        out,
        /certificate +for localhost, 127\.0\.0\.1; from test authority; expired 2 days ago; not trusted here/,
      );
      assert.match(out, /webtransport +FAILED: .*its certificate has expired\n/);
      assert.match(out, /websocket +FAILED: .*its certificate has expired\n/);

      const other = await pingJson([relay.at("https").href, "--fingerprint", "ab".repeat(32)]);
      assert.equal(other.code, 4);
      const shown = other.answer.attempts.map(({ certificate }) => certificate?.sha256);
      assert.deepEqual(shown, [relay.relay.fingerprint, relay.relay.fingerprint]);
      const right = ["--fingerprint", "ab".repeat(32), "--fingerprint", relay.relay.fingerprint ?? ""];
      assert.equal((await ping([relay.at("https").href, ...right])).code, 0);
    } finally {
      await Promise.all([relay.stop(), old.stop()]);
    }
  });
});

describe("moqmesh ping --count", () => {
  it("connects again and again and prints a summary; with --json a line for each round", { skip }, () =>
    withRelay(OPEN, async (relay) => {
      const { code, out } = await ping([relay.url.href, "-c", "3", "--interval", "1ms"]);
      assert.equal(code, 0);
      assert.match(out, /\nround 2: webtransport 127\.0\.0\.1: connected in .*\nround 2: websocket .*\nround 3: /);
      assert.match(
        out,
        /\n--- 127\.0\.0\.1:\d+: 3 of 3 rounds without a failure ---\nwebtransport: 3 of 3 worked\n {2}connect +min /,
      );
      const json = await ping([relay.at("ws").href, "--count", "2", "--interval", "1ms", "--json"]);
      const lines = json.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      assert.deepEqual(
        lines.map(({ ok, summary }) => ok ?? summary.rounds),
        [true, true, 2],
      );
      assert.equal((await ping([relay.url.href, "-c", "0"])).code, 2);
    }),
  );

  it("ends with the summary and 130 at Ctrl-C", () =>
    withRelay(OPEN, async (relay) => {
      const io = recordedIo();
      const out = io.out.write;
      const interrupting = {
        ...io,
        out: {
          ...io.out,
          write: (chunk: string | Uint8Array) => {
            out(chunk);
            if (String(chunk).startsWith("round 2")) process.emit("SIGINT", "SIGINT");
          },
        },
      };
      assert.equal(await runProgram(["ping", relay.at("ws").href, "-c", "9", "--interval", "1ms"], interrupting), 130);
      assert.match(io.stdout(), /--- 127\.0\.0\.1:\d+: 2 of 2 rounds/);
    }));
});
