/** aiomoqt of PyPI: publisher, viewer, and its own tests of a relay. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { driver, PYTHON, pipHas, pipInstall, run, script } from "../cache.ts";
import { finding, type MeetingOptions, meetingAt, passed, published, viewed } from "../checks.ts";
import type { End, Finding, Mapping, Meeting, Peer, Scene } from "../contract.ts";
import { Driver, PeerProcess } from "../driver.ts";
import { recordFile } from "../media.ts";
import { announced } from "../reference.ts";
import { readTap } from "../tap.ts";

const VERSION = "0.13.3";
const DRAFTS = [14, 16, 18, 20, 22];

const MAPPINGS: Readonly<Record<Mapping, string>> = {
  "stream for each group": "per_group",
  "stream for each object": "per_object",
  datagrams: "datagram",
};

const draftOf = (protocol: string): number => Number(protocol.replace("moqt-", ""));

async function start(role: "publish" | "watch", meeting: Meeting): Promise<Driver> {
  const { url, protocol, path, track, offer, mapping } = meeting;
  const order = {
    role,
    url: url.href,
    draft: draftOf(protocol),
    namespace: path,
    track,
    how: offer,
    mapping: MAPPINGS[mapping],
  };
  const process = new Driver({ file: PYTHON, args: [driver("aiomoqt_peer.py"), JSON.stringify(order)] });
  await process.ready;
  return process;
}

const publish = async (meeting: Meeting) => await start("publish", meeting);
const watch = async (meeting: Meeting) => await start("watch", meeting);

/** Milliseconds for its publisher of media to start. */
const ANNOUNCED_MS = 10_000;

/** Its publisher of media: an MSF catalog and CMAF chunks of a file. */
export async function mediaPublisher({ url, protocol, path }: Meeting): Promise<End> {
  const folder = await mkdtemp(join(tmpdir(), "moqmesh-media-"));
  const file = join(folder, "media.mp4");
  await recordFile(file);
  const draft = ["--insecure", "--draft", String(draftOf(protocol))];
  const media = ["--mp4", file, "--loop", "--no-audio", "--packaging", "cmaf", "--pub-ns", "--duration", "120"];
  const process = new PeerProcess({
    file: PYTHON,
    args: ["-m", "aiomoqt.tools.pub_media", url.href, "--namespace", path, ...draft, ...media],
  });
  await announced(url, path, ANNOUNCED_MS);
  return {
    objects: [],
    get failure() {
      return process.exit === undefined ? undefined : `ended with ${process.exit}: ${process.errors}`;
    },
    stop: async () => {
      await process.stop();
      await rm(folder, { recursive: true });
    },
  };
}

type Check = readonly [
  name: string,
  options: Omit<MeetingOptions, "protocol">,
  run: (meeting: Meeting) => Promise<string | undefined>,
];

const CHECKS: readonly Check[] = [
  ["publishes by PUBLISH_NAMESPACE", {}, (meeting) => published(meeting, publish)],
  ["publishes by PUBLISH", { offer: "publish" }, (meeting) => published(meeting, publish)],
  ["publishes over QUIC alone", { scheme: "moqt" }, (meeting) => published(meeting, publish)],
  ["watches", {}, (meeting) => viewed(meeting, watch)],
  ["watches over QUIC alone", { scheme: "moqt" }, (meeting) => viewed(meeting, watch)],
  ["publishes and watches, one stream for each group", {}, (meeting) => passed(meeting, publish, watch)],
  [
    "publishes and watches, one stream for each object",
    { mapping: "stream for each object" },
    (meeting) => passed(meeting, publish, watch),
  ],
  [
    "publishes and watches datagrams",
    { mapping: "datagrams", scheme: "moqt" },
    (meeting) => passed(meeting, publish, watch),
  ],
];

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  for (const [name, options, check] of CHECKS) {
    const meeting = meetingAt(scene, { protocol, ...options });
    yield await finding(scene, name, meeting, () => check(meeting));
  }
  yield* readTap("moq-interop-client", await ownTests(`https://${scene.authority}/`, draftOf(protocol)));
}

/** The exit code is that of the worst test. */
async function ownTests(url: string, draft: number): Promise<string> {
  const args = ["--relay", url, "--tls-disable-verify", "--draft", String(draft)];
  const { stdout } = await run(script("moq-interop-client"), args).catch((error: { stdout: string }) => error);
  return stdout;
}

export const AIOMOQT: Peer = {
  name: "aiomoqt",
  registry: "PyPI",
  version: VERSION,
  protocols: DRAFTS.map((draft) => `moqt-${draft}`),
  install: async () => await pipInstall({ aiomoqt: VERSION }),
  installed: async () => await pipHas("aiomoqt", VERSION),
  examine,
};
