/** A mesh accepts no relay without a cluster token, and no relay joins a root that it cannot trust. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { patient } from "../../scripts/suite/patience.ts";
import { Authority, type Issued } from "../support/authority.ts";
import { missingEngine } from "../support/engines.ts";
import type { Settings } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { broadcastsAt, nodesAt, Stage, type Staged } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };
const DAY_MS = 86_400_000;

/** Only the native engine trusts the authorities that a configuration names (docs/engines.md). */
const skip = missingEngine();

const nodes = (relay: Staged): string[] =>
  nodesAt(relay)
    .map(({ node }) => node)
    .sort();

async function ready({ relay }: Staged): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${relay.adminAddress?.port}/health/ready`);
  return { status: answer.status, text: await answer.text() };
}

/** Log lines of the relay about a dial that failed. */
const failures = ({ entries }: Staged, message: string): string[] =>
  entries.filter((entry) => String(entry["msg"]).includes(message)).map((entry) => JSON.stringify(entry));

describe("a relay that does not trust a certificate", () => {
  let stage: Stage;
  let ours: Authority;
  let others: Authority;
  before(async () => {
    stage = await Stage.open();
    [ours, others] = await Promise.all([Authority.make("ours"), Authority.make("others")]);
  });
  after(async () => await stage.close());

  const names = ["127.0.0.1"];
  const CASES: readonly [what: string, by: () => Authority, issued: Issued, logged: RegExp][] = [
    ["that has expired", () => ours, { names, days: -1 }, /certificate expired/],
    ["of another host", () => ours, { names: ["relay.example"] }, /not valid for name/],
    ["of an authority that it does not know", () => others, { names }, /UnknownIssuer/],
  ];

  /** Writes a text into the folder of the stage. Gives its path. */
  async function fileOf(name: string, text: string): Promise<string> {
    const path = join(stage.workspace.folder, name);
    await writeFile(path, text);
    return path;
  }

  let certificates = 0;

  /** Settings of a relay with a certificate that `authority` issues. */
  async function showing(authority: Authority, issued: Issued): Promise<Settings> {
    const { cert, key } = await authority.issue(issued);
    const name = `issued-${certificates++}`;
    return { "tls.cert": await fileOf(`${name}.pem`, cert), "tls.key": await fileOf(`${name}-key.pem`, key) };
  }

  /** Settings of a relay that trusts our authority, and nothing else. */
  const trusting = async (): Promise<Settings> => ({
    "cluster.fingerprints": "",
    "cluster.ca": await fileOf("ca.pem", ours.root),
  });

  for (const [what, by, issued, logged] of CASES) {
    /** Starts while its certificate is valid: five days ago. */
    async function bad(role: "root" | "origin", settings: Settings = {}): Promise<Staged> {
      const wallNow = () => Date.now() - 5 * DAY_MS;
      return await stage.relay(`${role}-1`, role, { ...(await showing(by(), issued)), ...settings }, { wallNow });
    }

    it(`does not join a root with a certificate ${what}`, { ...TIMEOUT, skip }, async () => {
      const root = await bad("root");
      const origin = await stage.relay("origin-1", "origin", { ...(await trusting()), "cluster.root": root.url });
      await until(() => failures(origin, "cannot be reached").length > 0);
      const [failure = ""] = failures(origin, "cannot be reached");
      assert.match(failure, /"code":"dial_failed"/);
      assert.match(failure, logged);
      assert.deepEqual([nodes(root), root.relay.sessions()], [["root-1"], []]);
      const { status, text } = await ready(origin);
      assert.equal(status, 503);
      assert.match(text, /no_root/);
      await Promise.all([root, origin].map(({ relay }) => relay.close()));
    });

    it(`pulls nothing from a relay with a certificate ${what}`, { ...TIMEOUT, skip }, async () => {
      const root = await stage.relay("root-1", "root", await showing(ours, { names }));
      const settings = { ...(await trusting()), "cluster.root": root.url };
      // Its clock is behind: the tokens that it makes need a longer life, and tokens of clients are not valid yet.
      const more = { "cluster.token_life": "30d", "auth.public_publish": "live" };
      const origin = await bad("origin", { ...settings, ...more });
      const edge = await stage.relay("edge-1", "edge", settings);
      await until(() => nodes(root).length === 3);
      const trust = { kind: "insecure" } as const;
      const hidden = (await stage.client(origin.url, { trust })).publish("live/a");
      const viewer = await stage.client(edge.url, { token: stage.workspace.viewerToken, follows: "" });
      await until(() => viewer.announced.includes("live/a"));
      const watching = viewer.watch("live/a");
      await until(() => failures(edge, "the relay origin-1 at ").length > 0);
      const [failure = ""] = failures(edge, "the relay origin-1 at ");
      assert.match(failure, /"code":"dial_failed"/);
      assert.match(failure, logged);
      assert.deepEqual([hidden.sinks.size, watching.groups.length], [0, 0]);
      await Promise.all([root, origin, edge].map(({ relay }) => relay.close()));
    });
  }
});

describe("a client without the cluster claim", () => {
  let stage: Stage;
  let root: Staged;
  let origin: Staged;
  let edge: Staged;
  before(async () => {
    stage = await Stage.open();
    root = await stage.relay("root-1", "root");
    const mesh = { "cluster.root": root.url };
    // It is a root as well, so that a client that asks it for announcements could see the registry.
    origin = await stage.relay("origin-1", "origin", { ...mesh, "cluster.serve_root": "true" });
    edge = await stage.relay("edge-1", "edge", mesh);
    await stage.relay("edge-2", "edge", { "cluster.root": `${root.url},${origin.url}` });
    await until(() => nodes(root).length === 4 && nodes(origin).includes("edge-2"));
  });
  after(async () => await stage.close());

  const CONTROL = "moqmesh-1";
  const opens = ({ entries }: Staged) => entries.filter((entry) => entry["msg"] === "session opened").length;

  it("gets no control session of a root, whatever its token grants", TIMEOUT, async () => {
    const { publisherToken, viewerToken } = stage.workspace;
    const before = opens(root);
    for (const [token, status] of [
      [publisherToken, 403],
      [viewerToken, 403],
      ["no.such.token", 401],
      [undefined, 401],
    ] as const) {
      for (const path of ["/.moqmesh", "/%2emoqmesh/"]) {
        const refused = await stage.refusal(`${root.url}${path}`, { ...(token && { token }), protocol: CONTROL });
        assert.equal(refused, status, path);
      }
    }
    assert.equal(opens(root), before);
    const codes = new Set(
      root.entries.filter((entry) => entry["msg"] === "session refused").map((entry) => entry["code"]),
    );
    assert.deepEqual(codes, new Set(["path_not_granted", "token_malformed", "token_missing"]));
  });

  it("may only do what its token grants, also when it says that it is a relay", TIMEOUT, async () => {
    const { publisherToken, viewerToken } = stage.workspace;
    (await stage.client(origin.url, { token: publisherToken })).publish("live/seen");
    const at = `${origin.url}/?node=edge-9&role=edge`;
    const forged = await stage.refusal(at, { token: viewerToken, protocol: CONTROL });
    assert.equal(forged, 403, "the mesh's own version is for relays only");
    const viewer = await stage.client(at, { token: viewerToken, follows: "" });
    await until(() => viewer.announced.includes("live/seen"));
    viewer.publish("live/forged");
    assert.match((await viewer.ended).message, /not allowed to publish/);
    const publisher = await stage.client(at, { token: publisherToken, follows: "" });
    publisher.publish("n/edge-9/e30");
    assert.match((await publisher.ended).message, /not allowed to publish/);
    const holder = await stage.client(at, { token: publisherToken });
    holder.publish("live/mine");
    await until(() => broadcastsAt(root, "live/mine").length === 1);
    // It counts as a publisher at the origin, not as a relay.
    const [mine] = broadcastsAt(root, "live/mine");
    assert.deepEqual(mine?.holders, ["origin-1"]);
    assert.deepEqual(nodes(root), ["edge-1", "edge-2", "origin-1", "root-1"]);
  });

  it("sees no announcement of the mesh's own data", TIMEOUT, async () => {
    const { publisherToken, viewerToken } = stage.workspace;
    (await stage.client(origin.url, { token: publisherToken })).publish("live/open");
    for (const relay of [root, origin, edge]) {
      for (const follows of ["", ".moqmesh", "n", "b", "l", "e", "c"]) {
        const viewer = await stage.client(relay.url, { token: viewerToken, follows, protocol: "moq-lite-05" });
        await viewer.inner.session.announced;
        if (follows === "" && relay !== root) await until(() => viewer.announced.includes("live/open"));
        assert.deepEqual(
          viewer.announced.filter((path) => !path.startsWith("live/")),
          [],
          `${relay.node}, asked for "${follows}"`,
        );
        if (follows !== "") assert.deepEqual(viewer.announced, []);
        viewer.close();
      }
    }
  });
});
