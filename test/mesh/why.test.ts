/** What a relay logs of its mesh: its own name and role, and in one line why another relay is unreachable. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { generateKey, signToken } from "../../auth/index.ts";
import { whyUnreachable } from "../../cluster/sessions/unreachable.ts";
import { TransportError } from "../../moq/link.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { until } from "../support/until.ts";
import { Stage, type Staged } from "./support/stage.ts";

const lines = ({ entries }: Staged) => entries.map(({ msg }) => String(msg));

describe("the log of a relay of a mesh", () => {
  it("says which node the relay is, which root it reached, and in one line why a root is unreachable", {
    timeout: patient(60_000),
  }, async () => {
    const stage = await Stage.open();
    try {
      const root = await stage.relay("root-1", "root");
      const mesh = { "cluster.root": root.url };
      const edge = await stage.relay("edge-1", "edge", { ...mesh, "cluster.region": "west" });
      const started = edge.entries.find(({ msg }) => msg === "listening" || msg === "relay ready");
      const { node, role, region, roots } = started ?? {};
      assert.deepEqual(
        { node, role, region, roots },
        { node: "edge-1", role: "edge", region: "west", roots: [root.url] },
      );
      await until(() => edge.entries.some((entry) => entry["msg"] === "root reached" && entry["root"] === root.url));

      const file = join(stage.workspace.folder, "strange.jwt");
      const exp = Math.floor(Date.now() / 1_000) + 600;
      await writeFile(
        file,
        await signToken(await generateKey({ alg: "ES256", kid: "strange" }), { cluster: true, exp }),
      );
      const refused = await stage.relay("edge-2", "edge", {
        ...mesh,
        "cluster.key_file": "",
        "cluster.token_file": file,
      });
      const refusal = `the root ${root.url} refused this relay's token (401); trying again`;
      await until(() => lines(refused).includes(refusal));
      assert.equal(refused.entries.find(({ msg }) => msg === refusal)?.["err"], undefined, "no stack");
      await until(() => lines(refused).some((line) => line.startsWith("no root can be asked")));
      const tiers = lines(refused).find((line) => line.startsWith("no root can be asked"));
      assert.equal(tiers, `no root can be asked (${root.url} refused this relay's token (401)): asking other relays`);
    } finally {
      await stage.close();
    }
  });
});

describe("the reason why a relay is unreachable", () => {
  it("is a sentence for each status, and the error's message without a status", () => {
    const rejected = (status: number) => whyUnreachable(new TransportError("dial_rejected", "answered", { status }));
    assert.equal(rejected(401), "refused this relay's token (401)");
    assert.match(rejected(403), /no `cluster` claim, another relay's name, .* has the code \(403\)$/);
    assert.equal(rejected(404), "is no root, or of no mesh (404)");
    assert.equal(rejected(418), "refused this relay (418)");
    assert.equal(whyUnreachable(new TransportError("dial_timeout", "no link within 3000 ms")), "does not answer");
    assert.equal(whyUnreachable(new Error("nobody knows where")), "cannot be reached: nobody knows where");
  });
});
