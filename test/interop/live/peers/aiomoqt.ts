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

/** Subscribers of its load simulator, each with a session of its own. */
const SUBSCRIBERS = 50;
const LOAD_SECONDS = 10;

/** Characters of what it prints that explain a failure. */
const LOAD_OUTPUT_KEPT = 300;

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
  const url = `https://${scene.authority}/`;
  yield* readTap("moq-interop-client", await ownTests(url, draftOf(protocol)));
  const failure = await load(url, draftOf(protocol));
  yield { check: `moq-load-sim: ${SUBSCRIBERS} subscribers`, ...(failure !== undefined && { failure }) };
}

/** What its load simulator says is wrong; undefined when every subscriber joined and stayed, and got what was sent. */
async function load(url: string, draft: number): Promise<string | undefined> {
  const size = ["--subs", String(SUBSCRIBERS), "--duration", String(LOAD_SECONDS), "--rate", "20"];
  const args = ["--insecure", "--draft", String(draft), "--pub-ns", ...size, url];
  const { stdout } = await run(script("moq-load-sim"), args).catch((error: { stdout: string }) => error);
  const [, report = ""] = /(peak +\d+\/\d+ [^\n]*)/.exec(stdout) ?? [];
  const whole = stdout.includes("RESULT: OK") && report.includes(`joins=${SUBSCRIBERS} `);
  if (whole && report.includes(" fails=0 ") && report.includes(" died=0 ")) return undefined;
  return report === "" ? stdout.slice(-LOAD_OUTPUT_KEPT) : report;
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
