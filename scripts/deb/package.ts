import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { readManifest } from "../pack/manifest.ts";
import { builtPlatforms, writeProgramPackage } from "../pack/packages.ts";
import { binaryOf } from "../pack/platforms.ts";
import { controlFile, MAINTAINER } from "./control.ts";
import { manPage } from "./man-page.ts";

const run = promisify(execFile);

/** Debian's names of architectures, by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Where the program is. */
const HOME = "usr/lib/moqmesh";

/** Where its documents are. */
const DOCS = "usr/share/doc/moqmesh";

/** Files of `deploy/debian` and others, and where they go. */
const COPIED: readonly (readonly [from: string, to: string])[] = [
  ["deploy/debian/moqmesh", "usr/bin/moqmesh"],
  ["deploy/debian/relay.toml", "etc/moqmesh/relay.toml"],
  ["deploy/debian/sysusers.conf", "usr/lib/sysusers.d/moqmesh.conf"],
  ["deploy/debian/tmpfiles.conf", "usr/lib/tmpfiles.d/moqmesh.conf"],
  ["deploy/debian/copyright", `${DOCS}/copyright`],
  ["deploy/debian/lintian-overrides", "usr/share/lintian/overrides/moqmesh"],
  ["deploy/sysctl.d/60-moqmesh.conf", "usr/lib/sysctl.d/60-moqmesh.conf"],
  ["deploy/alerts", `${DOCS}/examples/alerts`],
  ["deploy/backup", `${DOCS}/examples/backup`],
  ["deploy/logs", `${DOCS}/examples/logs`],
  ["deploy/systemd/moqmesh-probe.service", `${DOCS}/examples/moqmesh-probe.service`],
  ["configs", `${DOCS}/examples/configs`],
  ...["auth", "cli", "config", "mesh", "metrics", "operations", "security"].map(
    (page) => [`docs/${page}.md`, `${DOCS}/${page}.md`] as const,
  ),
];

/** Parts of the npm package that the Debian package has elsewhere or does not need. */
const LEFT_OUT: readonly string[] = [
  "bin/moqmesh",
  "deploy",
  "configs",
  "CHANGELOG.md",
  "LICENSE-MIT",
  "LICENSE-APACHE",
  "dist/types",
];

/** Makes the package in `folder`. Returns its path. Throws when the engine was not built, or on another kind of machine. */
export async function buildDebianPackage(checkout: string, folder: string): Promise<string> {
  const architecture = ARCHITECTURES[process.arch];
  const platform = builtPlatforms(checkout).find(({ name }) => name === `linux-${process.arch}-gnu`);
  if (architecture === undefined || process.platform !== "linux") throw new Error("only Linux on x64 and arm64");
  if (platform === undefined) throw new Error("the engine is not built: run npm run build:engine");
  const root = join(folder, "root");
  const home = join(root, HOME);
  await writeProgramPackage(checkout, home);
  for (const name of LEFT_OUT) await run("rm", ["-rf", join(home, name)]);
  await place(join(checkout, "engine", binaryOf(platform)), join(home, "engine", binaryOf(platform)));
  await placeNode(checkout, join(home, "node"));
  for (const [from, to] of COPIED) await place(join(checkout, from), join(root, to));
  await writeUnit(checkout, join(root, "usr/lib/systemd/system/moqmesh.service"));
  await writeGzipped(join(root, "usr/share/man/man1/moqmesh.1.gz"), manPage());
  await setModes(root);
  const version = `${readManifest(checkout).version}-1`;
  await writeChangelogs(checkout, join(root, DOCS), version);
  await writeControl(checkout, root, { version, architecture });
  const deb = join(folder, `moqmesh_${version}_${architecture}.deb`);
  await run("dpkg-deb", ["--root-owner-group", "-Zxz", "-z1", "--build", root, deb], { env: await buildEnv(checkout) });
  await run("rm", ["-rf", root]);
  return deb;
}

/** Files carry the time of the last commit, so that two builds of it are alike. */
async function buildEnv(checkout: string): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await run("git", ["log", "-1", "--format=%ct"], { cwd: checkout }).catch(() => ({ stdout: "" }));
  const time = stdout.trim();
  return time === "" ? process.env : { ...process.env, SOURCE_DATE_EPOCH: time };
}

async function place(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true });
}

/** Node, as npm has it for this machine. */
async function placeNode(checkout: string, to: string): Promise<void> {
  const from = join(checkout, "node_modules", `node-linux-${process.arch}`);
  for (const name of ["bin/node", "LICENSE"]) await place(join(from, name), join(to, name));
}

/** The unit without its head, which says how to install it by hand. */
async function writeUnit(checkout: string, to: string): Promise<void> {
  const unit = await readFile(join(checkout, "deploy/systemd/moqmesh.service"), "utf8");
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, unit.slice(unit.indexOf("[Unit]")).replaceAll("/usr/bin/env moqmesh", "/usr/bin/moqmesh"));
}

async function writeChangelogs(checkout: string, to: string, version: string): Promise<void> {
  const entry = `moqmesh (${version}) unstable; urgency=medium

  * Made from the sources of this version; changelog.gz has what changed.

 -- ${MAINTAINER}  ${new Date(0).toUTCString().replace("GMT", "+0000")}
`;
  await writeGzipped(join(to, "changelog.Debian.gz"), entry);
  await writeGzipped(join(to, "changelog.gz"), await readFile(join(checkout, "CHANGELOG.md"), "utf8"));
}

async function writeGzipped(to: string, text: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, gzipSync(text, { level: 9 }));
}

/** What Debian asks of files and folders, whatever the modes are in the checkout. */
async function setModes(root: string): Promise<void> {
  const programs = new Set(["usr/bin/moqmesh", `${HOME}/node/bin/node`, `${HOME}/bin/moqmesh.js`]);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const program = programs.has(relative(root, path)) || relative(root, path).endsWith("backup/moqmesh-backup");
    await chmod(path, entry.isDirectory() || program ? 0o755 : 0o644);
  }
}

/** `DEBIAN/`: the control file, sums, files of configuration and scripts. */
async function writeControl(
  checkout: string,
  root: string,
  about: { readonly version: string; readonly architecture: string },
): Promise<void> {
  const sums: string[] = [];
  let bytes = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path);
    const content = await readFile(path);
    bytes += content.length;
    if (!name.startsWith("etc/")) sums.push(`${createHash("md5").update(content).digest("hex")}  ${name}\n`);
  }
  const control = join(root, "DEBIAN");
  await mkdir(control);
  await writeFile(join(control, "control"), controlFile({ ...about, bytes }));
  await writeFile(join(control, "md5sums"), sums.sort().join(""));
  await writeFile(join(control, "conffiles"), "/etc/moqmesh/relay.toml\n");
  for (const name of ["postinst", "prerm", "postrm"]) {
    await cp(join(checkout, "deploy/debian", name), join(control, name));
    await chmod(join(control, name), 0o755);
  }
}
