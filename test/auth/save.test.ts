/** Keys are saved into files that an operator and other saves change as well. */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type Key, publicJwk, replaceFile } from "../../auth/index.ts";
import { SaveTurns } from "../../auth/keys/turns.ts";
import { CHECK_TIMEOUT_MS } from "../../auth/watch.ts";
import { foldersForTests, generateKey, openAuth, WallClock } from "./support.ts";

const newFolder = foldersForTests();
const one = await generateKey({ alg: "ES256", kid: "one" });
const own = await generateKey({ alg: "ES256", kid: "own" });
const other = await generateKey({ alg: "ES256", kid: "own" });
const secret = await generateKey({ alg: "HS256", kid: "shared" });

const open = (key: Key) => JSON.stringify(publicJwk(key));
const signsOnly = (key: Key) => ({ ...key.jwk, key_ops: ["sign"] });
const modeOf = async (file: string) => (await stat(file)).mode & 0o777;

/** A set of public keys and others, and a relay's keys from it. */
async function openSet(...others: unknown[]) {
  const file = join(await newFolder(), "keys.json");
  await writeFile(file, JSON.stringify({ keys: [publicJwk(one), ...others] }), { mode: 0o644 });
  await chmod(file, 0o644);
  const { auth, warnings } = await openAuth({ keyFile: file });
  const set = async () => (JSON.parse(await readFile(file, "utf8")) as { keys: unknown[] }).keys;
  return { auth, warnings, file, set, keys: auth.keyEditor };
}

async function openFolder() {
  const folder = await newFolder();
  await writeFile(join(folder, "one.jwk"), open(one));
  const { auth } = await openAuth({ keyFolder: folder });
  return { auth, folder, keys: auth.keyEditor };
}

describe("saves of keys", () => {
  it("at the same time leave one file with every key", async () => {
    const { auth, keys, file, set } = await openSet();
    const names = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    const saves: Promise<{ left: readonly unknown[] }>[] = [];
    for (const kid of names) {
      keys.add(keys.read(JSON.stringify({ ...publicJwk(own), kid })));
      saves.push(keys.save());
      await setImmediate();
    }
    for (const { left } of await Promise.all(saves)) assert.deepEqual(left, []);
    const kids = (await set()).map((key) => (key as { kid: string }).kid);
    assert.deepEqual(kids.sort(), [...names, "one"].sort());
    assert.deepEqual(keys.unsaved(), []);
    assert.deepEqual(await readdir(join(file, "..")), ["keys.json"]);
    auth.close();
  });

  it("wait for one that hangs, and say so after the limit of time", async () => {
    const clock = new WallClock();
    const turns = new SaveTurns();
    const hangs = Promise.withResolvers<string>();
    const first = turns.take(() => hangs.promise);
    let started = false;
    const second = turns.take(async () => {
      started = true;
    });
    const callers = [turns.within(clock, first), turns.within(clock, second)].map((call) =>
      assert.rejects(call, { message: "no answer within 5 s" }),
    );
    clock.advance(CHECK_TIMEOUT_MS);
    await Promise.all(callers);
    assert.equal(started, false);
    hangs.resolve("first");
    assert.equal(await turns.within(clock, first), "first");
    await turns.within(clock, second);
    assert.equal(started, true);
  });

  it("into a folder overwrite no key that is there, and no broken file", async () => {
    const { auth, keys, folder } = await openFolder();
    const broken = await generateKey({ alg: "ES256", kid: "broken" });
    for (const [name, text] of [
      ["own.jwk", JSON.stringify(signsOnly(own))],
      ["broken.jwk", '{"kty":'],
    ] as const)
      await writeFile(join(folder, name), text, { mode: 0o600 });
    // The added key is another one, then the public half of the same one.
    for (const key of [other, own]) {
      keys.add(keys.read(open(key)));
      await assert.rejects(keys.save(), { code: "keys_not_saved", message: /own\.jwk: the file has another key/ });
      assert.equal(await readFile(join(folder, "own.jwk"), "utf8"), JSON.stringify(signsOnly(own)));
      keys.remove("own", { force: false });
    }
    keys.add(keys.read(open(broken)));
    await assert.rejects(keys.save(), { code: "keys_not_saved", message: /broken\.jwk: .*cannot read a key/ });
    assert.equal(await readFile(join(folder, "broken.jwk"), "utf8"), '{"kty":');
    auth.close();
  });

  it("into a folder replace a key that was removed", async () => {
    const { auth, keys, folder } = await openFolder();
    const next = JSON.stringify({ ...publicJwk(own), kid: "one" });
    keys.remove("one", { force: true });
    keys.add(keys.read(next));
    assert.deepEqual((await keys.save()).left, []);
    assert.deepEqual(JSON.parse(await readFile(join(folder, "one.jwk"), "utf8")), JSON.parse(next));
    // Removed and added again: the file has it still.
    keys.remove("one", { force: true });
    keys.add(keys.read(next));
    assert.deepEqual(keys.unsaved(), []);
    auth.close();
  });

  it("into a set keep a private key with the same `kid`, and save the others", async () => {
    for (const key of [other, own]) {
      const { auth, keys, file, set } = await openSet(signsOnly(own));
      const two = await generateKey({ alg: "ES256", kid: "two" });
      keys.add(keys.read(open(key)));
      keys.add(keys.read(open(two)));
      const why = `${file}: the file has another key with this \`kid\`, or one that only signs; it stays as it is`;
      assert.deepEqual(await keys.save(), { saved: 1, files: [file], left: [{ kid: "own", why }] });
      assert.deepEqual(await set(), [publicJwk(one), signsOnly(own), publicJwk(two)]);
      assert.deepEqual(keys.unsaved(), [{ kid: "own", change: "added" }]);
      auth.close();
    }
  });

  it("of a shared secret leave a set that its owner alone can read, and the log says so", async () => {
    const { auth, keys, file, warnings } = await openSet();
    keys.add(keys.read(open(own)));
    await keys.save();
    assert.equal(await modeOf(file), 0o644);
    keys.add(keys.read(JSON.stringify(secret.jwk)));
    await keys.save();
    assert.equal(await modeOf(file), 0o600);
    const lines = warnings.filter((line) => line.includes("its mode is now 0600 in place of 0644"));
    assert.equal(lines.length, 1, warnings.join("\n"));
    auth.close();
  });
});

describe("a file that is replaced", () => {
  it("has the whole text of one of several calls at the same time", async () => {
    const file = join(await newFolder(), "file");
    const texts = Array.from({ length: 20 }, (_, index) => String(index % 10).repeat(1000 * (index + 1)));
    await Promise.all(texts.map((text) => replaceFile(file, text, 0o600)));
    assert.ok(texts.includes(await readFile(file, "utf8")));
    assert.deepEqual(await readdir(join(file, "..")), ["file"]);
  });

  it("has the mode that was asked for, also beside what another program left, and leaves nothing when it fails", async () => {
    const folder = await newFolder();
    const file = join(folder, "file");
    await writeFile(`${file}.new`, "", { mode: 0o644 });
    await replaceFile(file, "secret", 0o600);
    assert.equal(await modeOf(file), 0o600);
    await mkdir(join(folder, "taken/by"), { recursive: true });
    await assert.rejects(replaceFile(join(folder, "taken"), "text", 0o600));
    assert.deepEqual((await readdir(folder)).sort(), ["file", "file.new", "taken"]);
  });
});
