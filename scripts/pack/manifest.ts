import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { EXTERNAL } from "../bundle/external.ts";
import { PLATFORMS, packageOf } from "./platforms.ts";

/** What the published manifests take from the checkout's package.json. */
const CHECKOUT = z.looseObject({
  version: z.string(),
  license: z.string(),
  dependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
});

export type Manifest = z.infer<typeof CHECKOUT>;

/** Keys of the checkout's package.json that are for developers alone. */
const LEFT_OUT: readonly string[] = ["scripts", "devDependencies", "allowScripts"];

/** The package.json of a checkout. Throws when a key is missing. */
export function readManifest(checkout: string): Manifest {
  return CHECKOUT.parse(JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")));
}

/**
 * The published manifest of the program: without what is for developers and without the packages that the bundle contains, and with the engine of each platform, in exactly this version, as an
 * optional dependency, of which npm installs the one that fits. The checkout names none of them, because there the engine is built.
 */
export function publishedManifest(manifest: Manifest): Manifest {
  const engines = PLATFORMS.map((platform): [string, string] => [packageOf(platform), manifest.version]);
  const dependencies = Object.entries(manifest.dependencies).filter(([name]) => EXTERNAL.includes(name));
  return {
    ...CHECKOUT.parse(Object.fromEntries(Object.entries(manifest).filter(([key]) => !LEFT_OUT.includes(key)))),
    dependencies: Object.fromEntries(dependencies),
    optionalDependencies: { ...manifest.optionalDependencies, ...Object.fromEntries(engines) },
  };
}
