/** What is published in one version is watched in every other, at the same relay and at the other end of a mesh, over real QUIC. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { LIVE as OPTIONS, TRACK } from "../../lab/sim/settings.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { missingEngine } from "../support/engines.ts";
import { assertWatched, hasObjects, ObjectSink, ObjectSource, VERSIONS } from "../support/objects.ts";
import { until } from "../support/until.ts";
import { Stage, type Staged } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };
const GROUPS = 3;

describe("the matrix of versions over real QUIC", { skip: missingEngine() }, () => {
  let stage: Stage;
  let origin: Staged;
  let edge: Staged;

  before(async () => {
    stage = await Stage.open();
    const root = await stage.relay("root-1", "root");
    const mesh = {
      "cluster.root": root.url,
      "server.experimental": VERSIONS.filter((one) => one.endsWith("-wip")).join(),
    };
    origin = await stage.relay("origin-1", "origin", mesh);
    await stage.relay("regional-1", "regional", mesh);
    edge = await stage.relay("edge-1", "edge", mesh);
  });
  after(() => stage.close());

  for (const from of VERSIONS) {
    it(`what is published in ${from} is watched in every version`, TIMEOUT, async () => {
      const path = `live/${from}`;
      const source = new ObjectSource(hasObjects(from));
      const { publisherToken, viewerToken } = stage.workspace;
      source.publishBy((await stage.client(origin.url, { token: publisherToken, protocol: from })).inner, path);
      const viewers: { to: string; meshed: boolean; sink: ObjectSink }[] = [];
      for (const relay of [origin, edge]) {
        const accepted = relay.relay.counters.subscriptionsActive;
        for (const protocol of VERSIONS) {
          const sink = new ObjectSink();
          const { inner } = await stage.client(relay.url, { token: viewerToken, protocol });
          inner.session.source.subscribe(path, TRACK, OPTIONS, sink);
          viewers.push({ to: protocol, meshed: relay === edge, sink });
        }
        await until(() => relay.relay.counters.subscriptionsActive === accepted + VERSIONS.length);
      }
      await until(() => source.sinks.size === 1);
      for (let group = 0; group < GROUPS; group++) {
        // Groups and subgroups may overtake one another. An object after a missing id waits for those that may come before it.
        for (const sent of source.sending(group)) await until(() => viewers.every(({ sink }) => sink.has(group, sent)));
        await until(() => viewers.every(({ sink }) => sink.open === 0));
      }
      for (const { to, meshed, sink } of viewers) assertWatched(sink, { from, to, count: GROUPS, meshed });
      assert.equal(source.sinks.size, 1, "one subscription at the publisher serves all viewers");
    });
  }
});
