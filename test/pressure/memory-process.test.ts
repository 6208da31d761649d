/** A relay as a process of its own, with little memory, and a publisher of more than that. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "../../relay/client/client.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { programsForTests } from "../cli/support/process.ts";
import { dialling, openClient } from "../support/client.ts";
import { until } from "../support/until.ts";

const { serve } = programsForTests();

const MIB = 2 ** 20;
const SYSTEM = { kind: "system" } as const;
const TIMEOUT_MS = patient(5_000);

/** Of one group: 256 KiB, so that a link with an empty queue takes all of it. */
const FRAMES = Array.from({ length: 4 }, () => Buffer.alloc(MIB / 16, 7));

function residentBytes(pid: number | undefined): number {
  const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
  return Number(pages) * 4_096;
}

test("a relay short of memory sheds its cache, stays ready for its viewers, and keeps less again when it has enough", {
  skip: process.platform !== "linux" && "resident memory is read from /proc",
}, async () => {
  const probe = serve();
  await probe.ready();
  // Room for about 120 MiB of cache, where the cache may have 512 MiB.
  const limit = Math.ceil(residentBytes(probe.child.pid) / MIB) + 150;
  const settings = ["--limits.memory", `${limit}MiB`, "--cache.bytes", "512MiB", "--cache.max_age", "2m"];
  const program = serve(settings);
  const { port, admin } = await program.ready();
  const url = new URL(`http://127.0.0.1:${port}/`);
  const dial = dialling(url, { trust: SYSTEM, protocol: "moq-lite-04", timeoutMs: TIMEOUT_MS });
  const publisher = await openClient(dial);
  const live = publisher.client.publish("live");
  const viewer = await openClient(dial);
  viewer.client.watch("live");
  await until(() => live.sinks.size > 0);
  let sequence = 0;
  const feeding = setInterval(() => {
    // A busy relay reads slowly, and a publisher with a long queue ends its session.
    if (publisher.client.session.use().queuedBytes === 0) live.send(sequence++, ...FRAMES);
  }, 2);
  await program.says(/memory is short: the relay sheds its cache"/);
  const metrics = async () => await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  await until(async () => /moqmesh_memory_cache_shed_bytes_total [1-9]/.test(await metrics()), "the cache shrinks");
  clearInterval(feeding);
  publisher.client.session.close(0, "done");
  viewer.client.session.close(0, "done");
  await program.says(/memory is free again/);
  assert.ok(residentBytes(program.child.pid) < limit * MIB, "it stayed below its limit");
  assert.match(await metrics(), /moqmesh_memory_level 0\n/);
  await (await connect(url, { trust: SYSTEM, timeoutMs: TIMEOUT_MS })).close();
});
