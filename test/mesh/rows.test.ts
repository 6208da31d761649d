import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMetrics } from "../../lab/admin.ts";
import { Node } from "../../lab/node.ts";
import { Rows } from "../../lab/screen/view.ts";
import { busiest, type NodeSurvey, upstreamSubscriptions } from "../../lab/survey.ts";
import { placesOf, USUAL } from "../../lab/topology.ts";

/** Relays that do not run: the rows need only their names, roles and regions. */
const NODES = placesOf(USUAL).map((place) => {
  const workspace = {
    folder: "",
    cert: "",
    key: "",
    trust: { kind: "insecure" as const },
    fingerprint: "",
    keys: "",
    clusterKey: "",
    publisherToken: "",
    viewerToken: "",
    remove: async () => {},
  };
  const keeper = { started: () => {}, ended: () => {} };
  return new Node(
    { place, port: 1, meshPort: 1, adminPort: 2, roots: [], workspace, engine: "auto" },
    { keeper, output: () => {}, lost: () => {} },
  );
});

/** Each relay with its metrics, without their prefix; a relay without metrics does not answer. */
function surveyed(
  metrics: Readonly<Record<string, string>>,
  from: Readonly<Record<string, string[]>> = {},
): NodeSurvey[] {
  return NODES.map((node) => {
    const text = metrics[node.name];
    const lines = text?.split(", ").map((line) => `moqmesh_${line}`);
    return {
      node,
      state: "up",
      samples: lines && parseMetrics(lines.join("\n")),
      from: from[node.name] ?? [],
    };
  });
}

describe("the rows of the table of a mesh", () => {
  it("have rates between two samples, and none across a restart", () => {
    const rows = new Rows();
    const rate = (bytes: number, now: number) =>
      rows.of(surveyed({ "edge-1": `received_payload_bytes_total ${bytes}` }), undefined, now)[4]?.bytesIn;
    assert.equal(rate(1_000, 1_000), 0);
    assert.equal(rate(19_000, 1_500), 36_000);
    assert.equal(rate(500, 2_000), 0);
  });

  it("show when a relay changed its upstream, also with no upstream in between", () => {
    const rows = new Rows();
    const look = (now: number, ...from: string[]) =>
      rows.of(surveyed({ "edge-1": "tracks 1" }, { "edge-1": from }), undefined, now)[4]?.failovers;
    assert.equal(look(1, "regional-1"), 0);
    assert.equal(look(2, "regional-1"), 0);
    assert.equal(look(3), 0);
    assert.equal(look(3, "regional-1", "regional-2"), 0);
    assert.equal(look(4, "regional-2"), 1);
    assert.equal(look(5, "regional-2"), 1);
  });

  it("have what viewers report of their edge", () => {
    const pulse = { kind: "pulse" as const, edges: [{ viewers: 5, frames: 10, gapUs: 41_000 }], moves: 0 };
    const rows = new Rows().of(surveyed({}), pulse, 0);
    assert.deepEqual(rows[4]?.watching, { viewers: 5, gapMs: 41 });
    assert.equal(rows[1]?.watching, undefined);
  });

  it("say how often each relay pulls a track", () => {
    const tree = {
      "origin-1": "subscriptions 1, tracks 1",
      "regional-1": "subscriptions 4, tracks 1",
      ...Object.fromEntries([1, 2, 3, 4].map((edge) => [`edge-${edge}`, "subscriptions 5, tracks 1"])),
    };
    assert.equal(upstreamSubscriptions(surveyed(tree), 1), 1);
    assert.equal(upstreamSubscriptions(surveyed({ ...tree, "regional-1": "subscriptions 9, tracks 1" }), 1), 2);
    assert.equal(upstreamSubscriptions(surveyed({}), 1), 0);
    assert.equal(busiest(surveyed(tree), "regional")?.name, "regional-1");
    assert.equal(busiest(surveyed(tree), "root"), undefined);
  });
});
