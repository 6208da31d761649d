/** A reload that changes what the relay shows of itself, and which credentials its admin API takes. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect } from "node:tls";
import { askHttp } from "../../relay/client/index.ts";
import { Authority } from "../support/authority.ts";
import { missingEngine } from "../support/engines.ts";
import { type TestRelay, withRelay } from "../support/relay.ts";

const folder = mkdtempSync(join(tmpdir(), "moqmesh-credentials-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const ours = await Authority.make("ours");

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** A certificate for a name, in two files. */
async function filesOf(name: string) {
  const { cert, key } = await ours.issue({ names: [name] });
  return { cert: fileOf(`${name}.pem`, cert), key: fileOf(`${name}-key.pem`, key) };
}

/** The subject of the certificate that a client gets who asks for `name`. */
function shownTo(relay: TestRelay, name: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const at = { host: "127.0.0.1", port: relay.port, servername: name, rejectUnauthorized: false };
    const socket = connect(at, () => {
      resolve(socket.getPeerX509Certificate()?.subject);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

/** The right of a request with this secret; the code of its refusal where it has none. */
async function rightOf(relay: TestRelay, secret: string): Promise<unknown> {
  const answer = await fetch(relay.admin("/api/v1/whoami"), { headers: { Authorization: `Bearer ${secret}` } });
  const { right, error } = JSON.parse(await answer.text());
  return right ?? error.code;
}

describe("a reload", () => {
  // The other engines keep their certificate until a restart.
  const skip = missingEngine();
  it("serves further certificates by their names, and no longer when they are not configured", { skip }, async () => {
    const [main, b, c] = [await filesOf("a.example"), await filesOf("b.example"), await filesOf("c.example")];
    await withRelay({ "tls.cert": main.cert, "tls.key": main.key }, async (relay) => {
      const shown = async () => [await shownTo(relay, "b.example"), await shownTo(relay, "c.example")];
      assert.deepEqual(await shown(), ["CN=a.example", "CN=a.example"]);
      const { applied, failed } = await relay.reload({ "tls.certificates": `${b.cert} ${b.key}` });
      assert.deepEqual([applied.map(({ key }) => key), failed], [["tls.certificates"], {}]);
      assert.deepEqual(await shown(), ["CN=b.example", "CN=a.example"]);
      // A pair that does not fit changes nothing, of the main one neither.
      const broken = { "tls.cert": c.cert, "tls.key": c.key, "tls.certificates": `${c.cert} ${b.key}` };
      assert.notDeepEqual((await relay.reload(broken)).failed, {});
      assert.deepEqual(await shown(), ["CN=b.example", "CN=a.example"]);
      await relay.reload({ "tls.certificates": `${c.cert} ${c.key}` });
      assert.deepEqual(await shown(), ["CN=a.example", "CN=c.example"]);
      await relay.reload();
      assert.deepEqual(await shown(), ["CN=a.example", "CN=a.example"]);
    });
  });

  it("serves a certificate that is given by its text, as by a variable, and shows nothing of its key", {
    skip,
  }, async () => {
    const [a, b] = [await ours.issue({ names: ["a.example"] }), await ours.issue({ names: ["b.example"] })];
    const given = ({ cert, key }: { cert: string; key: string }, newline = "\n") => ({
      "tls.cert": cert.replaceAll("\n", newline),
      "tls.key": key.replaceAll("\n", newline),
    });
    await withRelay(given(a), async (relay) => {
      assert.equal(await shownTo(relay, "x"), "CN=a.example");
      // Variables often have their line ends escaped.
      const { applied, failed } = await relay.reload(given(b, "\\n"));
      assert.deepEqual([applied.map(({ key }) => key), failed], [["tls.cert", "tls.key"], {}]);
      assert.equal(await shownTo(relay, "x"), "CN=b.example");
      const wrong = await relay.reload({ "tls.cert": b.cert, "tls.key": a.key });
      const why = "the key in the value of tls.key does not belong to the first certificate in the value of tls.cert";
      assert.deepEqual(wrong.failed, { "tls.key": why });
      assert.equal(await shownTo(relay, "x"), "CN=b.example");
      const config = await (await fetch(relay.admin("/api/v1/config?section=tls"))).text();
      const shown = JSON.stringify([config, applied, wrong, relay.entries]);
      assert.match(shown, /redacted/);
      for (const { key } of [a, b]) assert.ok(!shown.includes(key.split("\n")[1] ?? ""));
    });
  });

  it("takes other secrets of the admin API, and gives them back", async () => {
    const [write, read, next] = ["w", "r", "n"].map((letter) => letter.repeat(32));
    assert.ok(write !== undefined && read !== undefined && next !== undefined);
    const none = { "http.admin_token_file": "" };
    await withRelay({ ...none, "http.admin_token": write }, async (relay) => {
      const rights = async () => [await rightOf(relay, write), await rightOf(relay, read), await rightOf(relay, next)];
      assert.deepEqual(await rights(), ["write", "credential_refused", "credential_refused"]);
      const more = await relay.reload({ "http.admin_read_token": read });
      assert.deepEqual([more.applied.map(({ key }) => key), more.failed], [["http.admin_read_token"], {}]);
      assert.ok(!JSON.stringify(more).includes(read), "no report has a secret");
      assert.deepEqual(await rights(), ["write", "read", "credential_refused"]);
      await relay.reload({ "http.admin_token": next, "http.admin_read_token": read });
      assert.deepEqual(await rights(), ["credential_refused", "read", "write"]);
      const short = await relay.reload({ "http.admin_token": "short" });
      assert.ok("http.admin_token" in short.failed, JSON.stringify(short));
      assert.deepEqual(await rights(), ["credential_refused", "read", "write"], "nothing has changed");
      await relay.reload();
      assert.deepEqual(await rights(), ["write", "credential_refused", "credential_refused"]);
      assert.ok(!JSON.stringify(relay.entries).includes(next), "no line of the log has a secret");
    });
  });

  it("changes the right of client certificates", async () => {
    const server = await ours.issue({ names: ["127.0.0.1"] });
    const client = await ours.issue({ use: "client", names: ["ops"] });
    const settings = {
      "tls.cert": fileOf("server.pem", server.cert),
      "tls.key": fileOf("server-key.pem", server.key),
      "http.admin_tls": "true",
      "http.admin_client_ca": fileOf("ca.pem", ours.root),
    };
    await withRelay(settings, async (relay) => {
      const right = async () => {
        const at = new URL(`https://127.0.0.1:${relay.relay.adminAddress?.port}/api/v1/whoami`);
        const trust = { kind: "roots", pem: ours.root } as const;
        const { body } = await askHttp(at, { trust, certificate: client, timeoutMs: 5_000, maxBytes: 4_096 });
        return JSON.parse(body).right;
      };
      assert.equal(await right(), "read");
      const { applied } = await relay.reload({ "http.admin_client_right": "write" });
      assert.deepEqual(
        applied.map(({ key }) => key),
        ["http.admin_client_right"],
      );
      assert.equal(await right(), "write");
      await relay.reload();
      assert.equal(await right(), "read");
    });
  });
});
