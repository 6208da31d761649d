/** moq of moq-dev/moq (the crate moq-cli): H.264 from a pipe, and into one. Each picture holds its number as text. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { picture } from "../../../mesh/support/annex-b.ts";
import { cargoInstall, exists, PROGRAMS } from "../cache.ts";
import { carried, finding, meetingAt } from "../checks.ts";
import type { End, Finding, Meeting, Peer, Scene, SeenObject } from "../contract.ts";
import { PeerProcess } from "../driver.ts";

const VERSION = "0.14.10";
const PROGRAM = join(PROGRAMS, "moq");

const PICTURE_MS = 33;
const PICTURES_PER_GROUP = 15;

/** The version at the other end where only one of the two is examined. */
const OTHER = "moq-lite-05";

/** Digits of the number, so that a picture is complete when they are. */
const DIGITS = 6;
const TEXT = /picture (\d{6})\./g;

const nameOf = (protocol: string): string => protocol.replace("moqt-", "moq-transport-");

function start({ url, path }: Meeting, protocol: string, output: (bytes: Buffer) => void, ...command: string[]) {
  const connect = ["--connect", url.href, "--connect-tls-insecure", "--connect-version", nameOf(protocol)];
  return new PeerProcess({ file: PROGRAM, args: [...connect, "--broadcast", path, ...command] }, output);
}

function seen(number: string): SeenObject {
  const sha256 = createHash("sha256").update(number).digest("hex");
  return { group: Math.floor(Number(number) / PICTURES_PER_GROUP), size: number.length, sha256 };
}

function publishing(protocol: string) {
  return async (meeting: Meeting): Promise<End> => {
    const objects: SeenObject[] = [];
    const process = start(meeting, protocol, () => {}, "import", "avc3");
    let pictures = 0;
    const sending = setInterval(() => {
      const number = String(pictures).padStart(DIGITS, "0");
      process.stdin.write(picture(`picture ${number}.`, pictures % PICTURES_PER_GROUP === 0));
      objects.push(seen(number));
      pictures++;
    }, PICTURE_MS);
    return await Promise.resolve(ending(objects, process, () => clearInterval(sending)));
  };
}

function watching(protocol: string) {
  return async (meeting: Meeting): Promise<End> => {
    const objects: SeenObject[] = [];
    let text = "";
    const take = (bytes: Buffer) => {
      text += bytes.toString("latin1");
      let end = 0;
      for (const found of text.matchAll(TEXT)) {
        objects.push(seen(found[1] ?? ""));
        end = found.index + found[0].length;
      }
      text = text.slice(end);
    };
    return await Promise.resolve(ending(objects, start(meeting, protocol, take, "export", "h264"), () => {}));
  };
}

function ending(objects: readonly SeenObject[], process: PeerProcess, stop: () => void): End {
  return {
    objects,
    get failure() {
      if (process.exit === undefined) return undefined;
      return `ended with ${process.exit}: ${process.errors.trim().split("\n").at(-1)}`;
    },
    stop: async () => {
      stop();
      await process.stop();
    },
  };
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  for (const [name, from, to] of [
    [`publishes, watched over ${OTHER}`, protocol, OTHER],
    [`watches what is published over ${OTHER}`, OTHER, protocol],
    ["publishes and watches", protocol, protocol],
  ] as const) {
    const meeting = meetingAt(scene, { protocol });
    yield await finding(scene, name, meeting, () => carried(meeting, publishing(from), watching(to)));
  }
}

export const MOQ_CLI: Peer = {
  name: "moq-cli",
  registry: "crates.io",
  version: VERSION,
  protocols: [
    ...["moq-lite-03", "moq-lite-04", "moq-lite-05", "moq-lite-06"],
    ...[14, 16, 18, 20, 22].map((draft) => `moqt-${draft}`),
  ],
  choosesVersion: true,
  install: async () => await cargoInstall("moq-cli", VERSION),
  installed: async () => await exists(PROGRAM),
  examine,
};
