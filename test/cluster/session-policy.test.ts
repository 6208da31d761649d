/** Who is taken for a relay of the mesh, and what each gets to see. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  MeshRefusal,
  type MeshSessionPolicyDeps,
  meshSessionPolicy,
  type Visitor,
} from "../../cluster/sessions/policy.ts";
import type { LinkInfo } from "../../moq/link.ts";
import { type AnnounceTable, openAccess } from "../../moq/session/index.ts";
import { SESSION_LIMITS } from "../session/support.ts";

const table = (): AnnounceTable => ({ list: () => [], watch: () => () => {}, publish: () => "limit" });
const announcements = table();
const registry = { ...table(), complete: () => {}, close: () => {} };

const DEPS: MeshSessionPolicyDeps = {
  limits: SESSION_LIMITS,
  announcements,
  control: () => registry,
  roleOf: (node) => (node === "regional-1" ? "regional" : undefined),
  servesRegional: () => false,
  firstHand: (path) => path === "live/mine",
};

function info(path: string, query = "", protocol = "moqmesh-1"): LinkInfo {
  return {
    engine: "memory",
    binding: "memory",
    protocol,
    dialled: false,
    authority: "",
    path,
    query,
    headers: new Map(),
    peer: { address: "203.0.113.9", port: 1 },
  };
}

function visitor(cluster: boolean, root = "", subject?: string): Visitor {
  const access = { ...openAccess(root), maySubscribe: (path: string) => path.startsWith("live/") };
  return { access, cluster, subject };
}

const refusal = (code: string) => (error: unknown) => error instanceof MeshRefusal && error.code === code;

describe("the control session of a root", () => {
  it("is for relays only, and only where the relay is a root", () => {
    for (const path of ["/.moqmesh", "/.moqmesh/", "//%2emoqmesh"]) {
      assert.throws(() => meshSessionPolicy(DEPS, info(path), visitor(false)), refusal("cluster_required"));
      assert.equal(meshSessionPolicy(DEPS, info(path), visitor(true)).table, registry);
    }
    const none = { ...DEPS, control: undefined };
    assert.throws(() => meshSessionPolicy(none, info("/.moqmesh"), visitor(true)), refusal("not_a_root"));
  });
});

describe("a media session", () => {
  it("serves an edge everything, and another relay what was published here; neither may publish", () => {
    for (const [role, others] of [
      ["edge", true],
      ["regional", false],
      ["origin", false],
    ] as const) {
      const {
        access,
        announcePrefix,
        table: own,
      } = meshSessionPolicy(DEPS, info("/", `node=x&role=${role}`), visitor(true));
      assert.equal(access.maySubscribe("live/mine"), true);
      assert.equal(access.maySubscribe("live/other"), others, role);
      assert.deepEqual(access.watchable("live"), others ? ["live"] : []);
      assert.equal(access.mayPublish("live/mine"), false);
      assert.deepEqual([announcePrefix, own], [undefined, undefined]);
    }
  });

  it("serves a regional of a region below everything, without announcing it, unless the mesh knows it by another role", () => {
    const asked: unknown[] = [];
    const deps: MeshSessionPolicyDeps = {
      ...DEPS,
      roleOf: (node) => (node === "disguised" ? "origin" : undefined),
      servesRegional: (node, claim) => asked.push([node, claim]) > 0,
    };
    const accessOf = (query: string) => meshSessionPolicy(deps, info("/", query), visitor(true)).access;
    const below = accessOf("node=x&role=regional&region=eu-south&parent=eu");
    assert.equal(below.maySubscribe("live/other"), true);
    assert.deepEqual(asked, [["x", { region: "eu-south", parent: "eu" }]]);
    assert.deepEqual(below.watchable("live"), []);
    assert.equal(accessOf("node=disguised&role=regional&region=eu-south&parent=eu").maySubscribe("live/other"), false);
    assert.equal(accessOf("node=x&role=origin&region=eu-south&parent=eu").maySubscribe("live/other"), false);
    assert.equal(asked.length, 1);
  });

  it("of a client that claims to be a relay is a client's session, and its token decides", () => {
    const client = visitor(false, "live");
    const terms = meshSessionPolicy(DEPS, info("/live", "node=x&role=edge", "moq-lite-05"), client);
    assert.equal(terms.access, client.access);
    assert.equal(terms.table, announcements);
    assert.equal(terms.limits, undefined);
  });

  it("at the mesh's own version is refused without a cluster token", () => {
    assert.throws(() => meshSessionPolicy(DEPS, info("/live"), visitor(false, "live")), refusal("cluster_required"));
  });

  it("of a relay outside the mesh with a cluster token is open both ways", () => {
    const { access, table: own, announcePrefix } = meshSessionPolicy(DEPS, info("/"), visitor(true));
    assert.equal(access.mayPublish("any") && access.maySubscribe("any"), true);
    assert.deepEqual([own, announcePrefix], [announcements, ""]);
  });
});

describe("the name of a relay", () => {
  const [control, media] = ["/.moqmesh", "/"];

  it("is the one in its token or certificate, where these have one", () => {
    for (const path of [control, media]) {
      const asked = info(path, "node=edge-1&role=edge");
      for (const subject of ["relay edge-1", "edge-1", undefined])
        meshSessionPolicy(DEPS, asked, visitor(true, "", subject));
      for (const subject of ["relay edge-2", "edge-2", "relay relay edge-1", "somebody"]) {
        assert.throws(
          () => meshSessionPolicy(DEPS, asked, visitor(true, "", subject)),
          refusal("node_mismatch"),
          subject,
        );
      }
    }
  });

  it("is registered from its token or certificate, whatever the relay says", () => {
    const told: (string | undefined)[] = [];
    const deps: MeshSessionPolicyDeps = {
      ...DEPS,
      control: ({ named }) => {
        told.push(named);
        return registry;
      },
    };
    for (const subject of ["relay edge-1", undefined])
      meshSessionPolicy(deps, info(control), visitor(true, "", subject));
    assert.deepEqual(told, ["edge-1", undefined]);
  });

  it("decides its role: a relay that is known not to be an edge is not served as one", () => {
    const { access } = meshSessionPolicy(DEPS, info(media, "node=regional-1&role=edge"), visitor(true));
    assert.deepEqual([access.maySubscribe("live/mine"), access.maySubscribe("live/other")], [true, false]);
    assert.deepEqual(access.watchable("live"), []);
  });
});
