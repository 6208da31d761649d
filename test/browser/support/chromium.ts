/** The browser of these tests: a Chromium that is installed already, without a window and without the internet. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

const FLAGS = [
  "--autoplay-policy=no-user-gesture-required",
  "--mute-audio",
  // Only this machine's names resolve, so the page cannot load anything from elsewhere.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-sync",
  "--metrics-recording-only",
  "--no-first-run",
];

const executable = find();

/**
 * Why the tests cannot run, or false when they can.
 *
 * @throws Error instead, when `MOQMESH_REQUIRE_BROWSER=1` says that they have to.
 */
export function missingBrowser(): string | false {
  if (executable !== undefined) return false;
  const reason = `no Chromium found: none of ${NAMES.join(", ")} is on the PATH, and MOQMESH_CHROMIUM names none`;
  if (process.env["MOQMESH_REQUIRE_BROWSER"] === "1") throw new Error(reason);
  return reason;
}

/** Starts the browser. The caller closes it. */
export async function launchChromium(): Promise<Browser> {
  if (executable === undefined) throw new Error("there is no Chromium");
  const args = process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS;
  return await chromium.launch({ executablePath: executable, args });
}

function find(): string | undefined {
  const named = process.env["MOQMESH_CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => existsSync(path));
}
