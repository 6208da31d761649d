/** Shaka Player of npm in a browser without a window: it plays MSF with CMAF chunks that others publish. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { launchChromium, missingBrowser } from "../../../browser/support/chromium.ts";
import { CACHE, driver, exists, run } from "../cache.ts";
import { finding, meetingAt } from "../checks.ts";
import { cmafPublisher } from "../cmaf-publisher.ts";
import type { End, Finding, Meeting, Peer, Scene } from "../contract.ts";
import { hasFfmpeg, SIZE } from "../media.ts";
import { AIOMOQT, mediaPublisher } from "./aiomoqt.ts";

const VERSION = "5.2.12";
const FOLDER = join(CACHE, "npm");

/** The build that has MSF. */
const SCRIPT = join(FOLDER, "node_modules", "shaka-player", "dist", "shaka-player.experimental.js");
const MANIFEST = join(FOLDER, "node_modules", "shaka-player", "package.json");

/** Milliseconds to connect, to read the catalog and to play {@link PICTURES}. */
const PLAY_MS = 30_000;
const LOOK_MS = 200;

/** Pictures that count as playing: several groups. */
const PICTURES = 72;

/** What the page has played. */
interface Played {
  readonly failure?: string;
  readonly frames: number;
  readonly seconds: number;
  readonly width: number;
  readonly height: number;
}

const nameOf = (protocol: string): string => protocol.replace("moqt-", "draft-");

/** Serves the page and the player to this machine. */
async function serve() {
  const files = new Map([
    ["/", { type: "text/html", body: await readFile(driver("shaka.html")) }],
    ["/shaka.js", { type: "text/javascript", body: await readFile(SCRIPT) }],
  ]);
  const server = createServer((request, response) => {
    const file = files.get(new URL(request.url ?? "/", "http://localhost").pathname);
    response.writeHead(file === undefined ? 404 : 200, { "content-type": file?.type ?? "text/plain" }).end(file?.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the page has no port");
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() };
}

/** What is wrong with what the page plays; undefined when nothing is. */
async function plays(page: Page, address: string, publisher: End): Promise<string | undefined> {
  await page.goto(address);
  const deadline = performance.now() + PLAY_MS;
  let played: Played = { frames: 0, seconds: 0, width: 0, height: 0 };
  while (performance.now() < deadline) {
    played = await page.evaluate("seen()");
    if (played.failure !== undefined) return `viewer: ${played.failure}`;
    if (publisher.failure !== undefined) return `publisher: ${publisher.failure}`;
    if (played.frames >= PICTURES) break;
    await sleep(LOOK_MS);
  }
  const { frames, seconds, width, height } = played;
  if (frames < PICTURES) return `${frames} of ${PICTURES} pictures, ${seconds.toFixed(1)} s played`;
  if (width === SIZE.width && height === SIZE.height) return undefined;
  return `a picture of ${width}x${height} in place of ${SIZE.width}x${SIZE.height}`;
}

async function played(browser: Browser, base: string, meeting: Meeting, publish: (at: Meeting) => Promise<End>) {
  const publisher = await publish(meeting);
  const page = await browser.newPage();
  try {
    const query = { relay: meeting.url.href, namespace: meeting.path, version: nameOf(meeting.protocol) };
    return await plays(page, `${base}?${new URLSearchParams(query)}`, publisher);
  } finally {
    await page.close();
    await publisher.stop();
  }
}

async function* examine(scene: Scene, protocol: string): AsyncIterable<Finding> {
  const page = await serve();
  const browser = await launchChromium();
  try {
    const ours = async ({ url, path }: Meeting) => await cmafPublisher(url, path);
    const publishers: [string, (at: Meeting) => Promise<End>][] = [["our publisher over moq-lite", ours]];
    if (await AIOMOQT.installed()) publishers.push(["aiomoqt", mediaPublisher]);
    for (const [name, publish] of publishers) {
      const meeting = meetingAt(scene, { protocol });
      const run = async () => await played(browser, page.url, meeting, publish);
      yield await finding(scene, `plays MSF and CMAF of ${name}`, meeting, run);
    }
  } finally {
    await browser.close();
    page.close();
  }
}

async function installed(): Promise<boolean> {
  if (!(await exists(SCRIPT)) || missingBrowser() !== false || !(await hasFfmpeg())) return false;
  const { version }: { version: string } = JSON.parse(await readFile(MANIFEST, "utf8"));
  return version === VERSION;
}

export const SHAKA: Peer = {
  name: "shaka-player",
  registry: "npm",
  version: VERSION,
  protocols: ["moqt-14", "moqt-16"],
  install: async () => {
    await run("npm", ["install", "--no-audit", "--no-fund", "--prefix", FOLDER, `shaka-player@${VERSION}`]);
  },
  installed,
  examine,
};
