/** Files of keys and revocations that cannot be read, should not be there, or are open to others. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseKeys, publicJwk } from "../../auth/index.ts";
import { parseJson } from "../../auth/json.ts";
import { Watch } from "../../auth/watch.ts";
import { until } from "../support/until.ts";
import {
  fileOf,
  foldersForTests,
  generateKey,
  NOW_SECONDS,
  type OpenedAuth,
  openAuth,
  signToken,
  WallClock,
} from "./support.ts";

const folder = foldersForTests();

const CLAIMS = { root: "demo", get: [""], exp: NOW_SECONDS + 100_000, jti: "t1" };
const one = await generateKey({ alg: "ES256", kid: "one" });
const two = await generateKey({ alg: "ES256", kid: "two" });
const publicText = (key: typeof one) => JSON.stringify(publicJwk(key));

function fifo(path: string): void {
  execFileSync("mkfifo", [path]);
}

const admit = async ({ auth }: OpenedAuth, key = one) =>
  await auth.admit({ path: "/demo", token: await signToken(key, CLAIMS), transport: "websocket", loopback: false });

/** Moves time on, so that files are checked, until `reached`. */
async function looked({ clock }: OpenedAuth, reached: () => boolean): Promise<void> {
  await until(() => {
    if (reached()) return true;
    clock.advance(300);
    return false;
  });
}

describe("a folder of keys", () => {
  it("with a FIFO in it is still read: a removed key is gone, and a warning names the FIFO", async () => {
    const keyFolder = await folder();
    await writeFile(join(keyFolder, "one.jwk"), publicText(one));
    fifo(join(keyFolder, "pipe.jwk"));
    const opened = await openAuth({ keyFolder });
    assert.match(opened.warnings.join(), /pipe\.jwk is not used: it is not a regular file/);
    const grant = await admit(opened);
    fifo(join(keyFolder, "later.jwk"));
    await rm(join(keyFolder, "one.jwk"));
    await looked(opened, () => opened.auth.check(grant) === "token_revoked");
    await assert.rejects(admit(opened), { code: "key_unknown" });
    await looked(opened, () => opened.auth.blindness().length === 0);
    opened.auth.close();
  });

  it("drops a key at once when its file becomes another kind of file, and after `fileKeepMs` when its file becomes unusable", async () => {
    const keyFolder = await folder();
    const [first, second] = [join(keyFolder, "one.jwk"), join(keyFolder, "two.jwk")];
    await writeFile(first, publicText(one));
    await writeFile(second, publicText(two));
    const opened = await openAuth({ keyFolder, fileKeepMs: 60_000 });
    await rm(first);
    fifo(first);
    await writeFile(second, "");
    await looked(opened, () => opened.auth.keys === 1);
    await admit(opened, two);
    await looked(opened, () => opened.auth.blindness().includes("keys_unreadable"));
    assert.match(opened.warnings.join(), /two\.jwk is not used: .*stays in use for 60 s/);
    await admit(opened, two);
    await looked(opened, () => opened.auth.keys === 0);
    await looked(opened, () => opened.auth.blindness().length === 0);
    opened.auth.close();
  });

  it("that is missing is warned of, and after `fileKeepMs` no token is accepted until it is back", async () => {
    const keyFolder = join(await folder(), "keys");
    const restore = async () => {
      execFileSync("mkdir", ["-p", keyFolder]);
      await writeFile(join(keyFolder, "one.jwk"), publicText(one));
    };
    await restore();
    const opened = await openAuth({ keyFolder, fileKeepMs: 60_000 });
    await rm(keyFolder, { recursive: true });
    await looked(opened, () => opened.auth.blindness().includes("keys_unreadable"));
    assert.match(
      opened.warnings.join(),
      /cannot be read, or its content is not valid; its last content stays in use for \[auth\] file_keep, then tokens are refused: .*ENOENT/,
    );
    const grant = await admit(opened);
    const from = opened.clock.wallNow();
    await looked(opened, () => opened.clock.wallNow() > from + 60_000);
    await assert.rejects(admit(opened), { code: "keys_unavailable" });
    // Sessions that run go on: nothing says that their key is gone.
    assert.equal(opened.auth.check(grant), undefined);
    assert.ok(opened.auth.fileFailures > 0);
    await restore();
    await looked(opened, () => opened.auth.blindness().length === 0);
    await admit(opened);
    assert.match(opened.warnings.join(), /can be read again/);
    opened.auth.close();
  });

  it("keeps two files of the same key material apart by their names when they have no `kid`", async () => {
    const keyFolder = await folder();
    const { kid: _kid, ...nameless } = publicJwk(one);
    for (const name of ["one", "two"]) await writeFile(join(keyFolder, `${name}.jwk`), JSON.stringify(nameless));
    const opened = await openAuth({ keyFolder });
    const grant = await admit(opened);
    await rm(join(keyFolder, "one.jwk"));
    await looked(opened, () => opened.auth.check(grant) === "token_revoked");
    opened.auth.close();
  });

  it("warns of private keys, and of files that other users may read or change, and names them", async () => {
    const keyFolder = await folder();
    const secret = await generateKey({ alg: "HS256", kid: "secret" });
    const modes: [name: string, text: string, mode: number][] = [
      ["one", fileOf(one), 0o600],
      ["two", publicText(two), 0o646],
      ["secret", fileOf(secret), 0o604],
    ];
    for (const [name, text, mode] of modes) {
      await writeFile(join(keyFolder, `${name}.jwk`), text);
      await chmod(join(keyFolder, `${name}.jwk`), mode);
    }
    await chmod(keyFolder, 0o777);
    const { auth, warnings } = await openAuth({ keyFolder });
    const expected = [
      /one\.jwk: the key "one" is a private key.*the relay needs only the public half/,
      /secret\.jwk: every user of this machine may read it \(mode 0604\)/,
      /two\.jwk: every user of this machine may change it \(mode 0646\)/,
      /the key folder .*: every user of this machine may change it \(mode 0777\)/,
    ];
    assert.equal(warnings.length, expected.length, warnings.join("\n"));
    for (const line of expected) assert.match(warnings.join("\n"), line);
    auth.close();
  });
});

describe("a file of keys or of revocations", () => {
  it("that is a FIFO, a device or a folder fails the start and does not hang it", async () => {
    const path = join(await folder(), "pipe");
    fifo(path);
    for (const file of [path, "/dev/zero", await folder()]) {
      await assert.rejects(openAuth({ keyFile: file }), /not a regular file/, file);
      await assert.rejects(openAuth({ revocationFile: file }), /not a regular file/, file);
    }
  });

  it("of revocations that is unusable is warned of, and after `fileKeepMs` no token is accepted", async () => {
    const base = await folder();
    const [keyFile, revocationFile] = [join(base, "key"), join(base, "revoked.json")];
    await writeFile(keyFile, publicText(one));
    await writeFile(revocationFile, "[]");
    const opened = await openAuth({ keyFile, revocationFile, fileKeepMs: 60_000 });
    await writeFile(revocationFile, '[{"jti": "t1"');
    await looked(opened, () => opened.auth.blindness().includes("revocations_unreadable"));
    await admit(opened);
    const from = opened.clock.wallNow();
    await looked(opened, () => opened.clock.wallNow() > from + 60_000);
    await assert.rejects(admit(opened), { code: "revocations_unavailable" });
    await writeFile(revocationFile, '[{"jti": "t2"}]');
    await looked(opened, () => opened.auth.blindness().length === 0);
    await admit(opened);
    opened.auth.close();
  });
});

describe("a watch of a file system that hangs", () => {
  it("gives up after a time limit, starts no second read meanwhile, and recovers by itself", async () => {
    const clock = new WallClock();
    const warnings: string[] = [];
    const answers: (() => void)[] = [];
    let hangs = false;
    const stamp = () =>
      hangs ? new Promise<string>((resolve) => answers.push(() => resolve("s"))) : Promise.resolve("s");
    const warn = (line: string) => void warnings.push(line);
    const watch = await Watch.open({ clock, what: "the keys", warn, stamp, load: async () => {} });
    hangs = true;
    for (let n = 0; n < 30; n++) {
      clock.advance(300);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual([answers.length, watch.failures], [1, 1]);
    assert.ok(watch.blindSince !== undefined);
    assert.match(warnings.join(), /^the keys cannot be read, .*: no answer within 5 s$/);
    hangs = false;
    answers[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(watch.blindSince, undefined);
    watch.close();
  });

  it("does not delay the start for longer than the time limit", async () => {
    const clock = new WallClock();
    const never = () => new Promise<string>(() => {});
    const opening = Watch.open({ clock, what: "the keys", warn: () => {}, stamp: never, load: async () => {} });
    clock.advance(5_000);
    await assert.rejects(opening, { message: "the keys cannot be used: no answer within 5 s" });
  });
});

describe("JSON with a duplicate name in one object", () => {
  it("is refused at any depth, also when the name is escaped", () => {
    const twice = ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"x":{"b":[],"b":{}}}]', '{"":1,"":2}', '{"k":{},"k":[]}'];
    for (const text of twice) assert.throws(() => parseJson(text), SyntaxError, text);
    const once = ['{"a":{"a":1},"b":["a","a",{"a":":"}]}', '"a:b"', "[]", '{"a":"\\"","b":"{\\"a\\":1}"}', " {} "];
    for (const text of once) assert.deepEqual(parseJson(text), JSON.parse(text));
  });

  it("is not accepted as a key, because a duplicate scope could be read in two ways", () => {
    const text = publicText(one).replace(/\}$/, ',"scope":{"get":["a"]},"scope":{"get":[""]}}');
    assert.throws(() => parseKeys(text), /same name twice/);
  });
});
