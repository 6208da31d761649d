import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BUNDLED, bundleCheckout } from "../../scripts/bundle/checkout.ts";
import { makeWorkspace } from "./certificate.ts";
import type { RunningRelay, Subject } from "./contract.ts";
import { Program } from "./program.ts";

/** Its configuration, where that differs from the defaults. */
interface Settings {
  readonly engine: string;
  readonly threads: number | undefined;
  /** Further sections of its configuration file, in TOML. */
  readonly more?: string;
}

/** Made once a run. */
let bundled: Promise<void> | undefined;

/** The bundle of `npm test`, else one of its own. */
async function bundle(): Promise<void> {
  if (process.env["MOQMESH_TESTED"] !== undefined) return;
  bundled ??= bundleCheckout();
  await bundled;
}

/** This project's relay as the package has it, because that is what users start; with its default limits, unless `more` has others. */
export function moqmesh(settings: Settings): Subject {
  return { name: "moqmesh", start: (cores) => start(settings, cores) };
}

async function start(settings: Settings, cores: readonly number[] | undefined): Promise<RunningRelay> {
  await bundle();
  const workspace = await makeWorkspace();
  const file = join(workspace.folder, "relay.toml");
  await writeFile(file, configuration(settings, workspace));
  const program = new Program({ name: "moqmesh", file, cores, env: BUNDLED });
  const stop = async () => {
    await program.child.stop();
    await workspace.remove();
  };
  try {
    const { port, engine: chosen } = await program.ready();
    return {
      url: new URL(`https://127.0.0.1:${port}/`),
      trust: workspace.trust,
      pid: program.child.pid,
      engine: chosen,
      ended: program.child.ended,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configuration({ engine, threads, more = "" }: Settings, { cert, key }: { cert: string; key: string }): string {
  const text = JSON.stringify;
  return `
[server]
host = "127.0.0.1"
port = 0
engine = ${text(engine)}
${threads === undefined ? "" : `threads = ${threads}`}
[tls]
cert = ${text(cert)}
key = ${text(key)}
[http]
admin = false
[log]
format = "json"
${more}
`;
}
