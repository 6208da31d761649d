/** A mesh used by clients of another project: moq of moq-dev/moq (the package moq-cli) publishes H.264 and plays it. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { findProgram } from "../../bench/system/find.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { until } from "../support/until.ts";
import { picture } from "./support/annex-b.ts";
import { Stage, type Staged } from "./support/stage.ts";

const TIMEOUT = { timeout: patient(60_000) };
const PATH = "live/cli";
const PICTURES_PER_SECOND = 30;
const PICTURES_PER_GROUP = 15;

/** Pictures after which a track counts as watched: several groups. */
const PICTURES = 3 * PICTURES_PER_GROUP;

/** Escape sequences that colour its lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
const COLOURS = /\u001b\[[\d;]*m/g;

/** What `--version` prints when the program is the one of moq-dev/moq. */
async function found(): Promise<{ binary: string; version: string } | undefined> {
  const binary = await findProgram("moq", "MOQ_CLI");
  if (binary === undefined) return undefined;
  const printed = await promisify(execFile)(binary, ["--version"]).catch(() => undefined);
  const version = /^moq (\d\S*)/.exec(printed?.stdout ?? "")?.[1];
  return version === undefined ? undefined : { binary, version };
}

const cli = await found();
const skip = cli === undefined ? "there is no moq: `cargo install moq-cli` installs it, or MOQ_CLI names it" : false;

type Running = ChildProcessByStdio<Writable, Readable, Readable>;

describe("moq-cli through a mesh", { skip }, () => {
  const running = new Set<Running>();
  let stage: Stage;
  let origin: Staged;
  let edge: Staged;
  let regionals: Staged[];
  /** Number of pictures published so far. */
  let pictures = 0;
  let pacing: NodeJS.Timeout | undefined;

  before(async () => {
    stage = await Stage.open();
    const root = await stage.relay("root-1", "root");
    const mesh = { "cluster.root": root.url };
    origin = await stage.relay("origin-1", "origin", mesh);
    regionals = await Promise.all(["regional-1", "regional-2"].map((node) => stage.relay(node, "regional", mesh)));
    edge = await stage.relay("edge-1", "edge", mesh);
  });
  after(async () => {
    clearInterval(pacing);
    await Promise.all([...running].map(end));
    await stage.close();
  });

  function start(at: Staged, token: string, ...command: string[]) {
    assert.ok(cli);
    const connect = ["--connect", `${at.url}/?jwt=${token}`, "--connect-tls-fingerprint", stage.workspace.fingerprint];
    const child: Running = spawn(cli.binary, [...connect, "--broadcast", PATH, ...command], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(child);
    const state = { errors: "", output: "" };
    child.stderr.on("data", (text: Buffer) => {
      state.errors += text.toString().replace(COLOURS, "");
    });
    child.stdout.on("data", (bytes: Buffer) => {
      state.output += bytes.toString("latin1");
    });
    child.stdin.on("error", () => {});
    return { child, state };
  }

  async function end(child: Running): Promise<void> {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    if (running.delete(child) && child.exitCode === null && child.kill("SIGKILL")) await gone;
  }

  /** Publishes from the next key frame on. */
  function publish() {
    const publisher = start(origin, stage.workspace.publisherToken, "import", "avc3");
    pictures = Math.ceil(pictures / PICTURES_PER_GROUP) * PICTURES_PER_GROUP;
    pacing = setInterval(() => {
      const key = pictures % PICTURES_PER_GROUP === 0;
      publisher.child.stdin.write(picture(`picture ${pictures}.`, key));
      pictures++;
    }, 1_000 / PICTURES_PER_SECOND);
    return publisher;
  }

  const played = (output: string) => [...output.matchAll(/picture (\d+)\./g)].map(([, number]) => Number(number));

  /** A player, and a new one whenever it ends: it ends by itself when pictures are late, and plays groups again when its catalog changes. */
  function play(at: Staged) {
    const players: ReturnType<typeof start>[] = [];
    let over = false;
    const next = () => {
      const player = start(at, stage.workspace.viewerToken, "export", "h264");
      players.push(player);
      player.child.once("exit", () => {
        running.delete(player.child);
        if (!over) next();
      });
    };
    next();
    return {
      version: () => /connected version=(\S+)/.exec(players[0]?.state.errors ?? "")?.[1],
      pictures: () => players.flatMap(({ state }) => played(state.output)),
      end: async () => {
        over = true;
        await Promise.all(players.map(({ child }) => end(child)));
      },
    };
  }

  it("publishes at an origin and plays at an edge, also after the regional ends", TIMEOUT, async (test) => {
    const publisher = publish();
    const player = play(edge);
    const viewer = await stage.client(edge.url, { token: stage.workspace.viewerToken, follows: "" });
    await until(() => viewer.announced.includes(PATH));
    // The track has the name that the catalog gives it.
    const watching = viewer.watch(PATH, "0.avc3");
    await until(() => player.pictures().length >= PICTURES);
    const published = /connected version=(\S+)/.exec(publisher.state.errors)?.[1];
    test.diagnostic(`moq ${cli?.version}: publishes over ${published}, plays over ${player.version()}`);
    assert.equal(edge.relay.counters.upstreamSubscriptions, edge.relay.counters.tracksActive);

    const serving = regionals.find(({ relay }) => relay.counters.tracksActive > 0);
    assert.ok(serving, "no regional serves");
    await serving.relay.close("killed by the test");
    const since = pictures;
    await until(() => player.pictures().some((number) => number >= since + PICTURES));
    await player.end();
    viewer.close();
    // A second client received every picture once, in order and in its group.
    const groups = watching.groups
      .filter(({ state }) => state === "finished")
      .toSorted((a, b) => a.sequence - b.sequence);
    const [first] = groups;
    assert.ok(first && groups.length > PICTURES / PICTURES_PER_GROUP);
    assert.deepEqual(
      groups.map(({ sequence, frames }) => [sequence, ...played(frames.join(""))]),
      groups.map((_, index) => {
        const sequence = first.sequence + index;
        const begin = sequence * PICTURES_PER_GROUP;
        return [sequence, ...Array.from({ length: PICTURES_PER_GROUP }, (_, at) => begin + at)];
      }),
    );
  });

  it("publishes and plays again when its publisher restarts", TIMEOUT, async () => {
    const [publisher] = running;
    assert.ok(publisher);
    const watcher = await stage.client(edge.url, { token: stage.workspace.viewerToken, follows: "" });
    await until(() => watcher.announced.includes(PATH));
    clearInterval(pacing);
    publisher.kill("SIGTERM");
    await until(() => !watcher.announced.includes(PATH));
    await end(publisher);
    const since = pictures;
    publish();
    await until(() => watcher.announced.includes(PATH));
    const player = play(edge);
    await until(() => player.pictures().filter((number) => number >= since).length >= PICTURES);
    await player.end();
  });

  it("fetches what an edge announces", TIMEOUT, async () => {
    const fetching = start(edge, stage.workspace.viewerToken, "fetch", "catalog.json");
    await until(() => /"codec":"avc3\./.test(fetching.state.output));
    await end(fetching.child);
  });
});
