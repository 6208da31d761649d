/** moqtail of crates.io: a library, with a small client of it in `drivers/moqtail`, over QUIC alone. */
import { join } from "node:path";
import { cargoBuild, exists, PROGRAMS } from "../cache.ts";
import { finding, meetingAt, passed, published, viewed } from "../checks.ts";
import type { Finding, Meeting, Peer, Scene } from "../contract.ts";
import { Driver } from "../driver.ts";

const PROGRAM = join(PROGRAMS, "moqtail-peer");

async function start(role: "publish" | "watch", { url, path, track }: Meeting): Promise<Driver> {
  const order = { role, host: url.hostname, port: Number(url.port), path, track };
  const process = new Driver({ file: PROGRAM, args: [JSON.stringify(order)] });
  await process.ready;
  return process;
}

const publish = async (meeting: Meeting) => await start("publish", meeting);
const watch = async (meeting: Meeting) => await start("watch", meeting);

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  for (const [name, check] of [
    ["publishes", (at: Meeting) => published(at, publish)],
    ["watches", (at: Meeting) => viewed(at, watch)],
    ["publishes and watches", (at: Meeting) => passed(at, publish, watch)],
  ] as const) {
    const meeting = meetingAt(scene, { protocol, scheme: "moqt" });
    yield await finding(scene, name, meeting, () => check(meeting));
  }
}

export const MOQTAIL: Peer = {
  name: "moqtail",
  registry: "crates.io",
  version: "0.17.0",
  protocols: ["moqt-22"],
  install: async () => await cargoBuild("moqtail"),
  installed: async () => await exists(PROGRAM),
  examine,
};
