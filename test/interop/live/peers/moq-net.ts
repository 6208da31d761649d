/** @moq/net of npm, which is a development dependency of this project. */
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { driver } from "../cache.ts";
import { finding, meetingAt, passed, published, viewed } from "../checks.ts";
import type { Finding, Meeting, Peer, Scene } from "../contract.ts";
import { Driver } from "../driver.ts";

/** The name by which a version is negotiated: its own, but for draft 14. */
const alpnOf = (protocol: string): string => (protocol === "moqt-14" ? "" : protocol);

function starting(role: "publish" | "watch", fingerprint: string) {
  return async ({ url, protocol, path, track }: Meeting): Promise<Driver> => {
    const order = { role, url: url.href, alpn: alpnOf(protocol), fingerprint, path, track };
    const process = new Driver({
      file: globalThis.process.execPath,
      args: [driver("moq_net_peer.ts"), JSON.stringify(order)],
    });
    await process.ready;
    return process;
  };
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  const publish = starting("publish", scene.fingerprint);
  const watch = starting("watch", scene.fingerprint);
  for (const [name, check] of [
    ["publishes", (at: Meeting) => published(at, publish)],
    ["watches", (at: Meeting) => viewed(at, watch)],
    ["publishes and watches", (at: Meeting) => passed(at, publish, watch)],
  ] as const) {
    const meeting = meetingAt(scene, { protocol });
    yield await finding(scene, name, meeting, () => check(meeting));
  }
}

const { version }: { version: string } = JSON.parse(
  readFileSync(findPackageJSON("@moq/net", import.meta.url) ?? "", "utf8"),
);

export const MOQ_NET: Peer = {
  name: "@moq/net",
  registry: "npm",
  version,
  protocols: [
    "moq-lite-03",
    "moq-lite-04",
    "moq-lite-05",
    "moq-lite-06-wip",
    ...[14, 16, 18, 20].map((draft) => `moqt-${draft}`),
  ],
  install: async () => await Promise.resolve(),
  installed: async () => await Promise.resolve(true),
  examine,
};
