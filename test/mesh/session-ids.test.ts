/** One id for a session between relays, in the logs of both. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { peerSessionOf } from "../../cluster/index.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { until } from "../support/until.ts";
import { Stage } from "./support/stage.ts";

describe("the id of a session between relays", { timeout: patient(60_000) }, () => {
  it("is in the log of the relay that opened it and of the one that accepted it, until it ends", async () => {
    const stage = await Stage.open();
    const root = await stage.relay("root-1", "root");
    const origin = await stage.relay("origin-1", "origin", { "cluster.root": root.url });
    const named = (entries: readonly Record<string, unknown>[], msg: string, session: unknown) =>
      entries.find(
        (entry) => entry["msg"] === msg && (entry["session"] === session || entry["peerSession"] === session),
      );
    const reached = await until(() => origin.entries.find(({ msg }) => msg === "root reached"));
    const id = reached["session"];
    assert.match(String(id), /^[a-z0-9]{6}-\d+$/);
    const opened = await until(() => named(root.entries, "session opened", id));
    assert.equal(opened["peerSession"], id);
    assert.notEqual(opened["session"], id);
    await root.relay.close("the test ends it");
    const closed = await until(() => named(root.entries, "session closed", id));
    assert.equal(closed["session"], opened["session"]);
    await until(() => named(origin.entries, "session with a relay closed", id));
    await stage.close();
  });

  it("is taken from the query only in its form", () => {
    assert.equal(peerSessionOf("node=a&session=k3x9af-17"), "k3x9af-17");
    for (const odd of ["", "session=", "session=%0Afake", `session=${"a".repeat(65)}`, "session=a%22b"]) {
      assert.equal(peerSessionOf(odd), undefined, odd);
    }
  });
});
