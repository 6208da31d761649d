/** Keys from files, folders, URLs and a deciding service; revocation; and the limits of addresses. */
import assert from "node:assert/strict";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Addresses, type Grant, isLoopback, publicJwk, type Visitor } from "../../auth/index.ts";
import { until } from "../support/until.ts";
import { fileOf, foldersForTests, generateKey, NOW_SECONDS, openAuth, signToken } from "./support.ts";

const folder = foldersForTests();

const CLAIMS = { root: "demo", put: ["a"], get: [""], exp: NOW_SECONDS + 60, jti: "t1", sub: "ann" };
const one = await generateKey({ alg: "ES256", kid: "one" });
const two = await generateKey({ alg: "HS256", kid: "two" });

function visit(token: string | undefined, more: Partial<Visitor> = {}): Visitor {
  return { path: "/demo", token, transport: "webtransport", loopback: false, ...more };
}

describe("keys", () => {
  it("of a set file rotate without a restart, and tokens of a removed key end", async () => {
    const keyFile = join(await folder(), "keys.json");
    await writeFile(keyFile, fileOf(one, two));
    const { auth, clock, changes } = await openAuth({ keyFile });
    const byOne = await auth.admit(visit(await signToken(one, CLAIMS)));
    const byTwo = await auth.admit(visit(await signToken(two, CLAIMS)));
    await writeFile(`${keyFile}.next`, fileOf(two));
    await rename(`${keyFile}.next`, keyFile);
    clock.advance(1_000);
    await until(() => changes() > 0);
    assert.deepEqual([auth.check(byOne), auth.check(byTwo)], ["token_revoked", undefined]);
    // Two has a `kid`, so that a token of another one is not taken for it.
    await assert.rejects(auth.admit(visit(await signToken(one, CLAIMS))), { code: "key_unknown" });
    auth.close();
  });

  it("stay when their file becomes unreadable, and one warning says so", async () => {
    const keyFile = join(await folder(), "key.jwk");
    await writeFile(keyFile, JSON.stringify(publicJwk(one)));
    const { auth, clock, warnings } = await openAuth({ keyFile });
    await writeFile(keyFile, "{ half a");
    for (let turn = 0; turn < 3; turn++) {
      clock.advance(1_000);
      await until(() => warnings.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(warnings.length, 1);
    await auth.admit(visit(await signToken(one, CLAIMS)));
    auth.close();
  });

  it("of a folder are known by `kid`: a removed file removes its key, and an unusable file is ignored", async () => {
    const keyFolder = await folder();
    await writeFile(join(keyFolder, "one.jwk"), JSON.stringify(publicJwk(one)));
    await writeFile(join(keyFolder, "other.jwk"), fileOf(two));
    await writeFile(join(keyFolder, "notes.txt"), "no key");
    const { auth, clock, warnings, changes } = await openAuth({ keyFolder });
    assert.equal(auth.keys, 1);
    assert.match(warnings.join(), /other\.jwk is not used: the `kid` in it differs from the file's name/);
    const grant = await auth.admit(visit(await signToken(one, CLAIMS)));
    await writeFile(join(keyFolder, "two.jwk"), Buffer.from(fileOf(two)).toString("base64url"));
    clock.advance(1_000);
    await until(() => auth.keys === 2);
    await auth.admit(visit(await signToken(two, CLAIMS)));
    await rm(join(keyFolder, "one.jwk"));
    clock.advance(1_000);
    await until(() => changes() > 0);
    assert.equal(auth.check(grant), "token_revoked");
    auth.close();
  });

  it("that are removed end no session when `closeOnKeyRemoval` is false", async () => {
    const keyFolder = await folder();
    await writeFile(join(keyFolder, "one.jwk"), fileOf(one));
    const { auth, clock, changes } = await openAuth({ keyFolder, closeOnKeyRemoval: false });
    const grant = await auth.admit(visit(await signToken(one, CLAIMS)));
    await rm(join(keyFolder, "one.jwk"));
    clock.advance(1_000);
    await until(() => changes() > 0);
    assert.equal(auth.check(grant), undefined);
    auth.close();
  });

  it("of a folder are warned of when there is none, at the start and each time the last one is removed", async () => {
    const keyFolder = await folder();
    const { auth, clock, warnings } = await openAuth({ keyFolder });
    assert.match(warnings.join("\n"), /^the key folder .* has no usable key/);
    await writeFile(join(keyFolder, "one.jwk"), JSON.stringify(publicJwk(one)));
    clock.advance(1_000);
    await until(() => auth.keys === 1);
    await rm(join(keyFolder, "one.jwk"));
    clock.advance(1_000);
    await until(() => warnings.length === 2);
    auth.close();
  });

  it("that are unusable fail the start, and the error names the file", async () => {
    const keyFile = join(await folder(), "key.jwk");
    await writeFile(keyFile, JSON.stringify({ kty: "oct", alg: "HS256", k: "c2hvcnQ" }));
    await assert.rejects(
      openAuth({ keyFile }),
      (error: Error) => error.message.includes(keyFile) && /32 bytes/.test(error.message),
    );
    await assert.rejects(openAuth({ keyFile: `${keyFile}.none` }), {
      message: /^the key file .* cannot be used: it does not exist \(ENOENT\)$/,
    });
  });

  it("with invalid parameters, or with parameters that let anyone sign, are refused when they are read", async () => {
    const keyFile = join(await folder(), "key.jwk");
    const rsa = publicJwk(await generateKey({ alg: "RS256", kid: "rsa" }));
    const zeros = Buffer.concat([Buffer.alloc(192), Buffer.alloc(64, 0xff)]).toString("base64url");
    const odd: readonly [Record<string, unknown>, RegExp][] = [
      [{ ...publicJwk(one), x: publicJwk(one)["y"] }, /the parameters of this key are not valid for its type/],
      [{ ...publicJwk(one), x: "AAAA" }, /the parameters of this key are not valid for its type/],
      [{ ...rsa, n: zeros }, /must have 2048 to 16384 bits/],
      [{ ...rsa, n: Buffer.alloc(4_096, 0xff).toString("base64url") }, /must have 2048 to 16384 bits/],
      [{ ...rsa, e: "AQ" }, /must be odd and at least 3/],
    ];
    for (const [jwk, why] of odd) {
      await writeFile(keyFile, JSON.stringify(jwk));
      await assert.rejects(openAuth({ keyFile }), why);
    }
  });

  it("of a set that are unusable are ignored and named, and a set without a usable key is refused", async () => {
    const keyFile = join(await folder(), "keys.json");
    const encrypting = { ...publicJwk(await generateKey({ alg: "RS256", kid: "enc" })), use: "enc", alg: "RSA-OAEP" };
    const odd = [encrypting, { ...publicJwk(one), kid: "dec", use: "enc" }, { kty: "EC", crv: "P-521" }];
    await writeFile(keyFile, JSON.stringify({ keys: [...odd, publicJwk(one)] }));
    const { auth, warnings } = await openAuth({ keyFile });
    await auth.admit(visit(await signToken(one, CLAIMS)));
    const named = warnings.map((line) => /: the key (.+) is not used/.exec(line)?.[1] ?? line);
    assert.deepEqual(named, ['"enc"', '"dec"', "number 3"]);
    auth.close();
    await writeFile(keyFile, JSON.stringify({ keys: odd }));
    await assert.rejects(
      openAuth({ keyFile }),
      /no key in the set can be used: "enc": .*; "dec": .*not for signatures/,
    );
  });

  it("of a URL that publishes a private key or a secret are warned of by name", async () => {
    const keyUrl = { url: new URL("https://keys.example/jwks"), refreshMs: 1e6, cooldownMs: 1e6, keepMs: 1e6 };
    const fetch = async () => new Response(JSON.stringify({ keys: [publicJwk(one), two.jwk] }));
    const { auth, warnings } = await openAuth({ keyUrl, fetch });
    assert.deepEqual(warnings, [
      'the keys at https://keys.example/jwks: the key "two" is published with its private part: anyone who reads it can sign tokens',
    ]);
    auth.close();
  });

  it("of a URL are cached, fetched at a bounded rate, and kept for a bounded time when the URL fails", async () => {
    let answer: () => Response = () =>
      new Response(JSON.stringify({ keys: [publicJwk(one), { kty: "EC", crv: "P-521" }] }));
    let fetches = 0;
    const { auth, clock, warnings } = await openAuth({
      keyUrl: { url: new URL("https://keys.example/jwks"), refreshMs: 300_000, cooldownMs: 30_000, keepMs: 3_600_000 },
      fetch: async () => {
        fetches++;
        return answer();
      },
    });
    const left = "the keys at https://keys.example/jwks: the key number 2 is not used: ";
    assert.deepEqual(
      warnings.map((line) => line.slice(0, left.length)),
      [left],
    );
    const token = await signToken(one, { ...CLAIMS, exp: NOW_SECONDS + 100_000 });
    for (let n = 0; n < 20; n++) await auth.admit(visit(token));
    assert.equal(fetches, 1);
    const unknown = await signToken(two, CLAIMS);
    clock.advance(31_000);
    for (let n = 0; n < 20; n++) await assert.rejects(auth.admit(visit(unknown)), { code: "key_unknown" });
    assert.equal(fetches, 2);
    assert.equal(warnings.length, 1, "warned once");
    answer = () => new Response("down", { status: 500 });
    clock.advance(1_800_000);
    await until(() => fetches === 3);
    await auth.admit(visit(token));
    clock.advance(1_800_001);
    await assert.rejects(auth.admit(visit(token)), { code: "keys_unavailable" });
    answer = () => new Response(JSON.stringify({ keys: [publicJwk(one)] }));
    clock.advance(31_000);
    await auth.admit(visit(token));
    auth.close();
  });
});

describe("setting the machine's clock back by a day", () => {
  it("does not extend the life of a key of a URL or of a service's answer", async () => {
    const url = new URL("https://keys.example/jwks");
    const next = await generateKey({ alg: "ES256", kid: "next" });
    let keys = [publicJwk(one)];
    const keyUrl = { url, refreshMs: 300_000, cooldownMs: 30_000, keepMs: 3_600_000 };
    const { auth, clock } = await openAuth({ keyUrl, fetch: async () => new Response(JSON.stringify({ keys })) });
    const token = await signToken(one, CLAIMS);
    const grant = await auth.admit(visit(token));
    keys = [publicJwk(next)];
    clock.setWall(-86_400_000);
    clock.advance(300_001);
    await until(() => auth.check(grant) === "token_revoked");
    await assert.rejects(auth.admit(visit(token)), { code: "key_unknown" });
    auth.close();

    let open = true;
    const answer = () => ({ public: { subscribe: open ? [""] : [] } });
    const fetch = async () => new Response(JSON.stringify(answer()));
    const api = { url, timeoutMs: 1_000, cacheMs: 10_000 };
    const served = await openAuth({ api, fetch });
    await served.auth.admit(visit(undefined));
    open = false;
    served.clock.setWall(-86_400_000);
    served.clock.advance(10_001);
    await assert.rejects(served.auth.admit(visit(undefined)), { code: "token_missing" });
    served.auth.close();
  });
});

describe("revocation", () => {
  it("by a call keeps an entry that was just written into the file by hand", async () => {
    const revocationFile = join(await folder(), "revoked.json");
    await writeFile(revocationFile, "[]");
    const keyFile = join(await folder(), "key.jwk");
    await writeFile(keyFile, fileOf(one));
    const { auth } = await openAuth({ keyFile, revocationFile });
    // The clock does not move, so the relay does not check the file in between.
    await writeFile(revocationFile, JSON.stringify([{ jti: "by-hand" }]));
    await auth.revoke({ jti: "by-call" });
    const list: unknown = JSON.parse(await readFile(revocationFile, "utf8"));
    assert.deepEqual(list, [{ jti: "by-call" }, { jti: "by-hand" }]);
    assert.equal(auth.revocations, 2);
    auth.close();
  });

  for (const entry of [{ jti: "t1" }, { sub: "ann" }, { kid: "one" }]) {
    it(`by ${Object.keys(entry)}: the grant ends, and the token is not accepted again`, async () => {
      const keyFile = join(await folder(), "keys.json");
      await writeFile(keyFile, fileOf(one, two));
      const { auth, changes } = await openAuth({ keyFile });
      const token = await signToken(one, CLAIMS);
      const other = await auth.admit(visit(await signToken(two, { ...CLAIMS, jti: "t2", sub: "bob" })));
      const grant = await auth.admit(visit(token));
      await auth.revoke(entry);
      assert.deepEqual([changes(), auth.check(grant), auth.check(other)], [1, "token_revoked", undefined]);
      await assert.rejects(auth.admit(visit(token)), { code: "token_revoked" });
      auth.close();
    });
  }

  it("is read from a file when it changes, and written into it, so that it outlives the relay", async () => {
    const at = await folder();
    const [keyFile, revocationFile] = [join(at, "key.jwk"), join(at, "revoked.json")];
    await writeFile(keyFile, fileOf(one));
    const first = await openAuth({ keyFile, revocationFile });
    const grant = await first.auth.admit(visit(await signToken(one, CLAIMS)));
    await first.auth.revoke({ sub: "bob", until: NOW_SECONDS + 10 });
    assert.equal(first.auth.check(grant), undefined);
    const list: unknown[] = JSON.parse(await readFile(revocationFile, "utf8"));
    assert.deepEqual(list, [{ sub: "bob", until: NOW_SECONDS + 10 }]);
    await writeFile(revocationFile, JSON.stringify([...list, { jti: "t1" }]));
    first.clock.advance(1_000);
    await until(() => first.auth.revocations === 2);
    assert.equal(first.auth.check(grant), "token_revoked");
    first.clock.advance(20_000);
    await first.auth.revoke({ kid: "gone" });
    first.auth.close();
    const second = await openAuth({ keyFile, revocationFile });
    // Bob's tokens have all expired, so his entry is forgotten.
    assert.equal(second.auth.revocations, 2);
    assert.equal(second.auth.check(grant), "token_revoked");
    second.auth.close();
  });

  it("a grant ends when its token expires", async () => {
    const keyFile = join(await folder(), "key.jwk");
    await writeFile(keyFile, fileOf(one));
    const { auth, clock } = await openAuth({ keyFile });
    const grant = await auth.admit(visit(await signToken(one, CLAIMS)));
    clock.advance(59_999);
    assert.equal(auth.check(grant), undefined);
    clock.advance(1);
    assert.equal(auth.check(grant), "token_expired");
    auth.close();
  });
});

describe("a client without a token", () => {
  const shape = ({ root, publish, subscribe, tenant }: Grant) => ({ root, publish, subscribe, tenant });

  it("may do everything on this machine and nothing from others when nothing is configured", async () => {
    const { auth } = await openAuth();
    const grant = await auth.admit(visit(undefined, { loopback: true }));
    assert.deepEqual(shape(grant), { root: "demo", publish: ["demo"], subscribe: ["demo"], tenant: "demo" });
    await assert.rejects(auth.admit(visit(undefined)), { code: "not_configured", status: 403 });
    await assert.rejects(auth.admit(visit(await signToken(one, CLAIMS))), { code: "not_configured" });
    assert.equal((await auth.admit(visit("nonsense", { loopback: true }))).identity, undefined);
  });

  it("may use public prefixes, separate for reading and writing, by whole segments", async () => {
    const { auth } = await openAuth({ publicSubscribe: ["demo", "open"], publicPublish: ["demo/guests"] });
    assert.deepEqual(shape(await auth.admit(visit(undefined))), {
      root: "demo",
      publish: ["demo/guests"],
      subscribe: ["demo"],
      tenant: "demo",
    });
    assert.deepEqual((await auth.admit(visit(undefined, { path: "/" }))).subscribe, ["demo", "open"]);
    for (const path of ["/demos", "/other", "/ope"]) {
      await assert.rejects(auth.admit(visit(undefined, { path, loopback: true })), {
        code: "token_missing",
        status: 401,
      });
    }
    for (const path of ["/demo/../other", "/./demo", "/demo/\u0000", "/..", "/demo\\..\\other"]) {
      await assert.rejects(auth.admit(visit(undefined, { path })), { code: "path_invalid", status: 400 });
    }
  });
});

describe("a deciding service", () => {
  async function asked(answer: () => Promise<Response>) {
    const questions: string[] = [];
    const opened = await openAuth({
      api: { url: new URL("https://api.example/auth?v=1"), timeoutMs: 1_000, cacheMs: 10_000 },
      fetch: async (url) => {
        questions.push(url.search);
        return await answer();
      },
    });
    return { ...opened, questions };
  }
  const json = (value: unknown, headers: Record<string, string> = {}) =>
    new Response(JSON.stringify(value), { headers });

  it("gives public access under an alias, and is asked once while its answer is valid", async () => {
    const { auth, clock, questions } = await asked(async () =>
      json({ alias: "x7/room", public: { subscribe: ["a"] } }, { "cache-control": "max-age=5" }),
    );
    for (let n = 0; n < 3; n++) {
      const grant = await auth.admit(visit(undefined, { path: "/demo/room" }));
      assert.deepEqual([grant.root, grant.subscribe, grant.publish], ["x7/room", ["x7/room/a"], []]);
    }
    assert.deepEqual(questions, ["?v=1&root=%2Fdemo%2Froom&transport=webtransport"]);
    clock.advance(5_001);
    await auth.admit(visit(undefined, { path: "/demo/room" }));
    assert.equal(questions.length, 2);
  });

  it("gives the key of a token whose root matches the requested path", async () => {
    const { auth, questions } = await asked(async () => json({ alias: "x7", key: publicJwk(one) }));
    const grant = await auth.admit(visit(await signToken(one, CLAIMS)));
    assert.deepEqual([grant.root, grant.publish, grant.identity?.sub], ["x7", ["x7/a"], "ann"]);
    assert.match(questions[0] ?? "", /kid=one/);
    await assert.rejects(auth.admit(visit(await signToken({ ...two, kid: "one" }, CLAIMS))), { code: "alg_refused" });
  });

  it("is asked about many clients in turns, so that none is refused because they come at once", async () => {
    const answers: (() => void)[] = [];
    const { auth, clock, questions } = await asked(
      () => new Promise((resolve) => answers.push(() => resolve(json({ public: { subscribe: [""] } })))),
    );
    const come = (room: number) => auth.admit(visit(undefined, { path: `/room-${room}` }));
    const clients = Array.from({ length: 600 }, (_, room) => come(room));
    await until(() => questions.length === 256);
    let given = 0;
    while (given < 600) {
      await until(() => answers.length > given);
      for (; given < answers.length; given++) answers[given]?.();
    }
    assert.equal((await Promise.all(clients)).length, 600);
    // The time-out of an answer is also the longest wait for a turn.
    const stuck = Array.from({ length: 257 }, (_, room) => come(1_000 + room));
    const refused = assert.rejects(stuck[256] ?? Promise.resolve(), { code: "busy", status: 503 });
    await until(() => questions.length === 600 + 256);
    clock.advance(1_000);
    await refused;
    for (; given < answers.length; given++) answers[given]?.();
    await Promise.all(stuck.slice(0, 256));
  });

  it("refuses access when it is down, slow or refuses, and when its answer is no JSON, no key or a redirect", async () => {
    const answers: [() => Promise<Response>, string][] = [
      [() => Promise.reject(new Error("down")), "api_unavailable"],
      [async () => new Response("no", { status: 403 }), "api_unavailable"],
      [async () => new Response("<html>"), "api_unavailable"],
      [async () => json({ public: { subscribe: ["../x"] } }), "api_unavailable"],
      [async () => json({ key: { kty: "oct", k: "YQ" } }), "api_unavailable"],
      [async () => json({ public: { subscribe: [""], publish: [""] } }), "key_unknown"],
    ];
    for (const [answer, code] of answers) {
      const { auth } = await asked(answer);
      await assert.rejects(auth.admit(visit(await signToken(one, CLAIMS))), { code });
    }
    const { auth } = await asked(async () => json({}));
    await assert.rejects(auth.admit(visit(undefined, { loopback: true })), { code: "token_missing" });
  });
});

describe("an address", () => {
  const LIMITS = { sessions: 2, handshakesPerSecond: 10, deny: [], allow: [], limitLoopback: false };

  it("has a bound of sessions; IPv6 counts by its first 64 bits, and IPv4 also when it is written as IPv6", () => {
    const addresses = new Addresses(LIMITS, () => 0);
    const leave = addresses.enter("2001:db8::1");
    addresses.enter("2001:db8::ffff:1");
    assert.throws(() => addresses.enter("2001:db8:0:0:8000::"), { code: "address_sessions", status: 429 });
    addresses.enter("2001:db8:0:1::1");
    leave();
    leave();
    addresses.enter("2001:db8::2");
    assert.throws(() => addresses.enter("2001:db8::2"), { code: "address_sessions" });
    addresses.enter("192.0.2.1");
    addresses.enter("::ffff:192.0.2.1");
    assert.throws(() => addresses.enter("192.0.2.1"), { code: "address_sessions" });
  });

  it("has a bound of handshakes a second", () => {
    let now = 0;
    const addresses = new Addresses({ ...LIMITS, sessions: 0 }, () => now);
    for (let n = 0; n < 10; n++) addresses.enter("192.0.2.1");
    assert.throws(() => addresses.enter("192.0.2.1"), { code: "address_rate" });
    addresses.enter("192.0.2.2");
    now = 100;
    addresses.enter("192.0.2.1");
    assert.throws(() => addresses.enter("192.0.2.1"), { code: "address_rate" });
  });

  it("waits longer after each guessed token above the free ones, and is forgiven with time", () => {
    let now = 0;
    const addresses = new Addresses({ ...LIMITS, sessions: 0 }, () => now);
    const guess = () => addresses.guessed("192.0.2.1");
    for (let n = 0; n < 6; n++) guess();
    assert.throws(guess, { code: "address_backoff", message: /try again in 1 s/ });
    addresses.guessed("192.0.2.2");
    const waits: number[] = [];
    for (let n = 0; n < 10; n++) {
      const from = now;
      for (;;) {
        try {
          guess();
          break;
        } catch {
          now += 1_000;
        }
      }
      waits.push((now - from) / 1_000);
    }
    // One guess becomes free again every ten seconds, so after a long wait the next guess needs none.
    assert.deepEqual(waits.slice(0, 5), [1, 2, 4, 8, 0]);
    assert.ok(Math.max(...waits) <= 300);
    now += 601_000;
    for (let n = 0; n < 6; n++) guess();
    assert.throws(guess, { message: /try again in 1 s/ });
  });

  it("is allowed or denied by its block", () => {
    const addresses = new Addresses(
      { ...LIMITS, deny: ["10.1.0.0/16", "2001:db8::/32"], allow: ["10.0.0.0/8", "::1"] },
      () => 0,
    );
    for (const one of ["10.2.0.1", "::1", "::ffff:10.2.0.1"]) addresses.enter(one);
    for (const one of ["10.1.2.3", "192.0.2.1", "2001:db8::1", "::ffff:10.1.2.3", ""]) {
      assert.throws(() => addresses.enter(one), { code: "address_denied", status: 403 }, one);
    }
    assert.throws(() => new Addresses({ ...LIMITS, deny: ["10.0.0.0/40"] }, () => 0), RangeError);
  });

  it("of this machine is not counted by default", () => {
    const exempt = new Addresses({ ...LIMITS, sessions: 1 }, () => 0);
    for (let n = 0; n < 50; n++) exempt.enter("127.0.0.1");
    const counted = new Addresses({ ...LIMITS, sessions: 1, limitLoopback: true }, () => 0);
    counted.enter("127.0.0.1");
    assert.throws(() => counted.enter("127.0.0.1"), { code: "address_sessions" });
    assert.deepEqual(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].map(isLoopback), [true, true, true, true]);
    assert.deepEqual(["", "localhost", "10.0.0.1", "::2", "::ffff:10.0.0.1"].map(isLoopback), [
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it("uses no memory above a bound", () => {
    const addresses = new Addresses(LIMITS, () => 0);
    for (let n = 0; n < 101_000; n++) addresses.enter(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`)();
    assert.equal(addresses.size, 100_000);
  });
});
