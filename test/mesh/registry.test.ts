import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { Admin } from "../../lab/admin.ts";
import { registryOf, upstreamsOf } from "../../lab/registry.ts";
import { waitFor } from "../../lab/wait.ts";
import { patient } from "../../scripts/suite/patience.ts";

const TIMEOUT_MS = patient(10_000);

/** Answers every request with `body`, or with 404 when there is none. */
async function answering<T>(body: unknown, work: (admin: Admin) => Promise<T>): Promise<T> {
  const server = createServer((_, response) => {
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? { error: "not found" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port }: AddressInfo = Object(server.address());
  try {
    return await work(new Admin(port));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("the admin listener's view of a mesh", { timeout: TIMEOUT_MS }, () => {
  it("has the present relays and the broadcasts at a root", async () => {
    const nodes = [
      { node: "edge-1", role: "edge", present: true },
      { node: "edge-2", role: "edge", present: false },
    ];
    const body = { nodes, broadcasts: [{ path: "live/a", holders: [] }] };
    const registry = await answering(body, (admin) => registryOf({ admin }));
    assert.deepEqual(registry, { nodes: ["edge-1"], broadcasts: ["live/a"] });
  });

  it("has the upstreams of a relay, each named once", async () => {
    const body = { upstreams: [{ node: "regional-2" }, { node: "regional-1" }, { node: "regional-2" }] };
    assert.deepEqual(await answering(body, upstreamsOf), ["regional-1", "regional-2"]);
  });

  it("is empty for a relay of no mesh", async () => {
    assert.equal(await answering(undefined, (admin) => registryOf({ admin })), undefined);
    assert.deepEqual(await answering(undefined, upstreamsOf), []);
    assert.equal(await registryOf({ admin: undefined }), undefined);
  });
});

describe("waiting", { timeout: TIMEOUT_MS }, () => {
  it("ends with what is found, and ignores checks that fail", async () => {
    let looks = 0;
    const found = await waitFor(TIMEOUT_MS, async () => {
      if (++looks === 1) throw new Error("not yet");
      return looks === 3 ? looks : undefined;
    });
    assert.equal(found, 3);
    assert.equal(await waitFor(0, async () => undefined), undefined);
  });
});
