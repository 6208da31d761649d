/** A registry of npm packages on this machine, for packages that are published nowhere. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PLATFORMS, type Platform, packageOf } from "../../../scripts/pack/platforms.ts";

export interface EngineRegistry {
  readonly url: string;
  close(): void;
}

/** Serves the packages of the engine for all platforms. `tarballOf` has those that can be installed; the others have no tarball. */
export async function serveEngines(version: string, tarballOf: ReadonlyMap<string, string>): Promise<EngineRegistry> {
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url ?? "").slice(1);
    const platform = PLATFORMS.find((one) => asked === packageOf(one));
    const tarball = tarballOf.get(asked.replace(/\.tgz$/, ""));
    if (platform !== undefined) {
      void integrityOf(tarballOf.get(platform.name)).then((integrity) => {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify(packument(platform, version, { url, integrity })));
      });
    } else if (tarball !== undefined) {
      void readFile(tarball).then((bytes) => response.end(bytes));
    } else {
      response.writeHead(404).end("{}");
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  return { url, close: () => void server.close() };
}

async function integrityOf(tarball: string | undefined): Promise<string | undefined> {
  if (tarball === undefined) return undefined;
  return `sha512-${createHash("sha512")
    .update(await readFile(tarball))
    .digest("base64")}`;
}

/** What a registry says of a package: npm decides by it whether the package fits the machine. */
function packument(
  platform: Platform,
  version: string,
  { url, integrity }: { readonly url: string; readonly integrity: string | undefined },
): object {
  const name = packageOf(platform);
  const { os, cpu, libc } = platform;
  const one = {
    name,
    version,
    os: [os],
    cpu: [cpu],
    ...(libc !== undefined && { libc: [libc] }),
    dist: { tarball: `${url}${platform.name}.tgz`, ...(integrity !== undefined && { integrity }) },
  };
  return { name, "dist-tags": { latest: version }, versions: { [version]: one } };
}
