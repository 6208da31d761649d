/** Meshes that include a relay of another project: moq-relay of moq-dev/moq, as a process. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it, type TestContext } from "node:test";
import { parseKeys, signToken } from "../../auth/index.ts";
import { findMoqRelay } from "../../bench/relays/moq-relay.ts";
import { patient } from "../../scripts/suite/patience.ts";
import type { TestPublisher } from "../session/support.ts";
import type { Settings } from "../support/relay.ts";
import { until } from "../support/until.ts";
import { ForeignRelay } from "./support/foreign.ts";
import {
  broadcastsAt,
  type ClientOptions,
  nodesAt,
  Stage,
  type Staged,
  sendUntil,
  wholeGroups,
} from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };

/** Short, so that the links of one test are closed before the next test. */
const LINGER = "1s";

/** Groups after which a track counts as watched. */
const GROUPS = 3;

const program = await findMoqRelay();
const skip =
  program === undefined ? "there is no moq-relay: `cargo install moq-relay` installs it, or MOQ_RELAY names it" : false;

/** A cluster token for a relay of another project. */
async function peerToken({ workspace }: Stage): Promise<string> {
  const [key] = parseKeys(await readFile(workspace.clusterKey, "utf8"));
  assert.ok(key);
  return await signToken(key, { cluster: true, sub: "moq-relay", exp: Math.floor(Date.now() / 1000) + 3_600 });
}

async function foreign({ workspace }: Stage, ...more: string[]): Promise<ForeignRelay> {
  assert.ok(program);
  return await ForeignRelay.at(program, workspace, more);
}

/** Publishes at one relay and watches the announced broadcast at the other; every group must arrive as it was sent. */
async function carries(stage: Stage, from: Place, to: Place, path: string): Promise<TestPublisher> {
  const publisher = await stage.client(from.url, from.publishing);
  const source = publisher.publish(path);
  await watched(stage, to, path, source, 0);
  return source;
}

async function watched(stage: Stage, at: Place, path: string, source: TestPublisher, first: number): Promise<number> {
  const viewer = await stage.client(at.url, { ...at.watching, follows: "" });
  await until(() => viewer.announced.includes(path));
  const watching = viewer.watch(path);
  const next = await sendUntil(source, first, () => wholeGroups(watching).length >= GROUPS);
  // Only what was sent arrived, in order.
  const seen = watching.groups.filter(({ state }) => state === "finished").map(({ sequence }) => sequence);
  assert.deepEqual(
    wholeGroups(watching),
    seen.toSorted((a, b) => a - b),
  );
  viewer.close();
  return next;
}

/** Where clients connect, and their options. */
interface Place {
  readonly url: string;
  readonly publishing: ClientOptions;
  readonly watching: ClientOptions;
}

const guarded = ({ workspace }: Stage, { url }: Pick<Staged, "url">): Place => ({
  url,
  publishing: { token: workspace.publisherToken },
  watching: { token: workspace.viewerToken },
});
const open = ({ url }: ForeignRelay): Place => ({ url, publishing: {}, watching: {} });

/** Versions negotiated with the external relay, by the side that dialled. */
function versions(relay: Staged): string[] {
  return relay.entries.flatMap((entry) => {
    const dialled = entry["msg"] === "relay outside the mesh reached";
    const dialledBy = entry["msg"] === "session opened" && entry["subject"] === "moq-relay";
    return dialled ? [`${entry["protocol"]}, we dial`] : dialledBy ? [`${entry["protocol"]}, it dials`] : [];
  });
}

const connected = async (relay: Staged, times = 1) => await until(() => versions(relay).length >= times);

function printed(test: TestContext, relay: Staged): void {
  test.diagnostic(`${program?.name}: ${[...new Set(versions(relay))].join("; ")}`);
}

describe("a peer that is moq-relay", { skip }, () => {
  for (const version of ["moq-lite-06", "moq-lite-05", "moq-lite-04"]) {
    it(`is dialled, and exchanges broadcasts both ways over ${version}`, TIMEOUT, async (test) => {
      const stage = await Stage.open();
      const theirs = await foreign(stage, "--listen-version", version, "--listen-version", "moq-lite-03");
      try {
        await theirs.start();
        const ours = await stage.relay("origin-1", "origin", { "cluster.connect": theirs.url });
        await connected(ours);
        printed(test, ours);
        assert.deepEqual(versions(ours), [`${version}, we dial`]);
        await carries(
          stage,
          { ...open(theirs), publishing: { protocol: version } },
          guarded(stage, ours),
          "live/theirs",
        );
        await carries(stage, guarded(stage, ours), { ...open(theirs), watching: { protocol: version } }, "live/ours");
      } finally {
        await stage.close();
        await theirs.stop();
      }
    });
  }

  it("dials with a cluster token, and exchanges broadcasts both ways", TIMEOUT, async (test) => {
    const stage = await Stage.open();
    const ours = await stage.relay("origin-1", "origin");
    const theirs = await foreign(stage, "--cluster-connect", `${ours.url}/?jwt=${await peerToken(stage)}`);
    try {
      await theirs.start();
      await connected(ours);
      printed(test, ours);
      await carries(stage, open(theirs), guarded(stage, ours), "live/theirs");
      await carries(stage, guarded(stage, ours), open(theirs), "live/ours");
    } finally {
      await stage.close();
      await theirs.stop();
    }
  });

  it("is refused without a cluster token", TIMEOUT, async () => {
    const stage = await Stage.open();
    const ours = await stage.relay("origin-1", "origin");
    const refused = (relay: Staged) => relay.entries.some((entry) => entry["msg"] === "session refused");
    const theirs = await foreign(stage, "--cluster-connect", `${ours.url}/`);
    try {
      await theirs.start();
      // A relay without keys accepts clients of its own machine; this one has keys.
      await until(() => refused(ours));
      assert.equal(ours.relay.sessions().length, 0);
    } finally {
      await stage.close();
      await theirs.stop();
    }
  });
});

describe("a ring of a moq-relay and two relays of one mesh", { skip }, () => {
  let stage: Stage;
  let theirs: ForeignRelay;
  let root: Staged;
  let first: Staged;
  let second: Staged;
  let edge: Staged;
  let mesh: Settings;

  before(async () => {
    stage = await Stage.open();
    root = await stage.relay("root-1", "root");
    mesh = { "cluster.root": root.url, "cluster.linger": LINGER };
    second = await stage.relay("origin-2", "origin", mesh);
    theirs = await foreign(stage, "--cluster-connect", `${second.url}/?jwt=${await peerToken(stage)}`);
    await theirs.start();
    first = await stage.relay("origin-1", "origin", { ...mesh, "cluster.connect": theirs.url });
    await stage.relay("regional-1", "regional", mesh);
    edge = await stage.relay("edge-1", "edge", mesh);
    await Promise.all([connected(first), connected(second)]);
    await until(() => nodesAt(root).length === 5);
  });
  after(async () => {
    await stage.close();
    await theirs.stop();
  });

  const holders = (path: string): readonly string[] =>
    broadcastsAt(root, path)
      .flatMap((one) => one.holders)
      .sort();

  it("connects, and the log names the versions", TIMEOUT, (test) => {
    printed(test, first);
    printed(test, second);
  });

  it(
    "carries what is published at the moq-relay to an edge, and what is published here to the moq-relay",
    TIMEOUT,
    async () => {
      await carries(stage, open(theirs), guarded(stage, edge), "live/far");
      await carries(stage, guarded(stage, first), open(theirs), "live/near");
      await carries(stage, guarded(stage, edge), open(theirs), "live/edge");
    },
  );

  it("does not send a broadcast back to the relay that it came from", TIMEOUT, async () => {
    const source = await carries(stage, guarded(stage, first), open(theirs), "live/ring");
    // The moq-relay has announced it to the other relay by now, which still pulls it through the mesh.
    const next = await watched(stage, guarded(stage, second), "live/ring", source, 100);
    await watched(stage, guarded(stage, first), "live/ring", source, next);
    assert.deepEqual(holders("live/ring"), ["origin-1"]);
    const tracks = source.sinks.size;
    assert.equal(tracks, 1, "the publisher is asked more than once");
  });

  it("has the same content of a broadcast that both relays get from the moq-relay", TIMEOUT, async () => {
    const source = await carries(stage, open(theirs), guarded(stage, first), "live/both");
    await until(() => holders("live/both").length === 2);
    const upstreams = () =>
      [first, second].flatMap(({ relay }) => relay.cluster()?.upstreams.map(({ node }) => node) ?? []);
    await until(() => upstreams().length === 0);
    // If their epochs differed, the relay with the older one would pull from the other.
    let next = 100;
    for (const relay of [first, second]) {
      next = await watched(stage, guarded(stage, relay), "live/both", source, next);
      assert.deepEqual(upstreams(), []);
    }
    await watched(stage, guarded(stage, edge), "live/both", source, next);
  });

  it("withdraws a broadcast when its publisher ends, wherever it was", TIMEOUT, async () => {
    for (const [from, path] of [
      [guarded(stage, first), "live/short-ours"],
      [open(theirs), "live/short-theirs"],
    ] as const) {
      const source = await carries(stage, from, guarded(stage, edge), path);
      const watchers = await Promise.all(
        [guarded(stage, edge), guarded(stage, second), open(theirs)].map((at) =>
          stage.client(at.url, { ...at.watching, follows: "" }),
        ),
      );
      await until(() => watchers.every(({ announced }) => announced.includes(path)));
      source.end();
      await until(() => watchers.every(({ announced }) => !announced.includes(path)));
      await until(() => holders(path).length === 0);
    }
  });

  it("recovers after the moq-relay restarts, and after one of ours restarts", TIMEOUT, async () => {
    const [ours, dialled] = [versions(first).length, versions(second).length];
    await theirs.kill();
    await until(() => holders("live/far").length === 0);
    await theirs.start();
    await Promise.all([connected(first, ours + 1), connected(second, dialled + 1)]);
    await carries(stage, open(theirs), guarded(stage, edge), "live/back");
    await carries(stage, guarded(stage, first), open(theirs), "live/forth");

    await second.relay.close("a restart");
    second = await stage.relay("origin-2", "origin", { ...mesh, "server.port": String(second.port) });
    await connected(second);
    await carries(stage, open(theirs), guarded(stage, second), "live/again");
    await carries(stage, guarded(stage, second), open(theirs), "live/once-more");
  });
});
