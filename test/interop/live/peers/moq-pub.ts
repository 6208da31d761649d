/** moq-pub and moq-sub of Cloudflare's moq-rs: fragmented MP4 from a pipe, and into one. */
import { join } from "node:path";
import { cargoInstall, exists, PROGRAMS } from "../cache.ts";
import { carried, finding, meetingAt } from "../checks.ts";
import type { End, Finding, Meeting, Peer, Scene, SeenObject } from "../contract.ts";
import { PeerProcess } from "../driver.ts";
import { FFMPEG, Fragments, hasFfmpeg, sha256Of } from "../media.ts";

const PUB = { crate: "moq-pub", version: "0.10.0" };
const SUB = { crate: "moq-sub", version: "0.5.0" };

/** The name that moq-pub gives the first track of the file. */
const VIDEO = "1.m4s";

const program = (crate: string) => join(PROGRAMS, crate);

function recording(objects: SeenObject[]): Fragments {
  return new Fragments({
    fragment: (bytes) => objects.push({ group: 0, size: bytes.length, sha256: sha256Of(bytes) }),
  });
}

function publisher(...more: readonly string[]) {
  return async ({ url, path }: Meeting): Promise<End> => {
    const objects: SeenObject[] = [];
    const fragments = recording(objects);
    const pub = new PeerProcess({
      file: program(PUB.crate),
      args: ["--name", path, "--tls-disable-verify", ...more, url.href],
    });
    const ffmpeg = new PeerProcess(FFMPEG, (bytes) => {
      fragments.push(bytes);
      pub.stdin.write(bytes);
    });
    return await Promise.resolve(ending(objects, pub, ffmpeg));
  };
}

async function watch({ url, path }: Meeting): Promise<End> {
  const objects: SeenObject[] = [];
  const fragments = recording(objects);
  const args = ["--name", path, "--tls-disable-verify", url.href];
  const sub = new PeerProcess({ file: program(SUB.crate), args }, (bytes) => fragments.push(bytes));
  return await Promise.resolve(ending(objects, sub));
}

function ending(objects: readonly SeenObject[], ...processes: readonly PeerProcess[]): End {
  return {
    objects,
    get failure() {
      const gone = processes.find(({ exit }) => exit !== undefined);
      return gone && `ended with ${gone.exit}: ${gone.errors.trim().split("\n").at(-1)}`;
    },
    stop: async () => {
      await Promise.all(processes.map((process) => process.stop()));
    },
  };
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  for (const [name, scheme, start, end] of [
    ["publishes by PUBLISH_NAMESPACE", "https", publisher(), undefined],
    ["publishes by PUBLISH", "https", publisher("--publish"), undefined],
    ["publishes and watches", "https", publisher(), watch],
    ["publishes and watches over QUIC alone", "moqt", publisher(), watch],
  ] as const) {
    const meeting = { ...meetingAt(scene, { protocol, scheme }), track: VIDEO };
    yield await finding(scene, name, meeting, () => carried(meeting, start, end));
  }
}

export const MOQ_PUB: Peer = {
  name: "moq-pub, moq-sub",
  registry: "crates.io",
  version: `${PUB.version}, ${SUB.version}`,
  protocols: ["moqt-18"],
  install: async () => {
    for (const { crate, version } of [PUB, SUB]) await cargoInstall(crate, version);
  },
  installed: async () =>
    (await exists(program(PUB.crate))) && (await exists(program(SUB.crate))) && (await hasFfmpeg()),
  examine,
};
