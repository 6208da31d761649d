/** The machine of a relay as terraform/modules/machine makes it, in a folder, and the cloud that it asks. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { patient } from "../../../scripts/suite/patience.ts";
import { copyTerraform } from "../../support/tofu.ts";
import { tool } from "../../support/tools.ts";

/** What these tests need, or why they are skipped. */
export const missing =
  ["tofu", "schema-provider", "curl", "jq"].map((name) => tool(name).missing).find(Boolean) ?? false;

const PACKAGE = "what a package has in it\n";
/** What the relay of a machine answers to the question for its metrics. */
export const METRICS =
  'moqmesh_ready 1\nmoqmesh_sessions{transport="quic"} 7\nmoqmesh_sessions{transport="websocket"} 2\n';

/** A request to the cloud. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A cloud: `answers` by `METHOD path`, where a path may end with `*`; anything else is not found. */
export class Cloud {
  readonly seen: Seen[] = [];
  readonly answers = new Map<string, string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method = "", url = "" } = request;
        const { headers } = request;
        this.seen.push({ method, url, authorization: headers.authorization, headers, body });
        const asked = `${method} ${url}`;
        const answer = [...this.answers].find(([key]) =>
          key.endsWith("*") ? asked.startsWith(key.slice(0, -1)) : asked === key,
        );
        response.writeHead(answer === undefined ? 404 : 200);
        response.end(answer?.[1]);
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  take(method: string): Seen[] {
    return this.seen.filter((request) => request.method === method);
  }
}

interface Files {
  readonly [path: string]: { readonly content: string; readonly mode: string };
}

/** A folder that stands for the root of a machine. */
export class Machine {
  readonly root: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(root: string, url: string) {
    this.root = root;
    this.#env = {
      ...process.env,
      PATH: `${join(root, "bin")}:${process.env["PATH"] ?? ""}`,
      MOQMESH_ROOT: root,
      MOQMESH_ETC: join(root, "etc/moqmesh"),
      MOQMESH_LIB: join(root, "usr/local/lib/moqmesh"),
      MOQMESH_GROUP: String(process.getgid?.()),
      MOQMESH_METADATA: url,
      MOQMESH_ENDPOINT: url,
      MOQMESH_RETRY: "0",
      MOQMESH_NOTICE_INTERVAL: "0.05",
      MOQMESH_NODE: process.execPath,
      STATE_DIRECTORY: root,
      LOG: join(root, "log"),
    };
  }

  async put(path: string, content: string, mode = 0o644): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), content);
    await chmod(join(this.root, path), mode);
  }

  /** Programs that write down how they are called; `curl` brings the package, and is itself for everything else. */
  async programs(): Promise<void> {
    await mkdir(join(this.root, "usr/sbin"), { recursive: true });
    const log = `#!/bin/bash\necho "$(basename "$0") $*" >> "$LOG"\n`;
    for (const name of ["apt-get", "sysctl"]) await this.put(`bin/${name}`, log, 0o755);
    await this.put(
      "bin/systemctl",
      `${log}if [ "$1" = is-system-running ]; then echo "\${SYSTEM:-running}"; fi\n`,
      0o755,
    );
    const { stdout } = await promisify(execFile)("bash", ["-c", "command -v curl"]);
    const curl = `#!/bin/bash
case "\${!#}" in
  https://packages.example.com/*)
    while [ "$1" != --output ]; do shift; done
    printf '${PACKAGE.replace("\n", "\\n")}' > "$2" ;;
  *) exec ${stdout.trim()} "$@" ;;
esac
`;
    await this.put("bin/curl", curl, 0o755);
  }

  async run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)("bash", [file, ...args], {
      env: { ...this.#env, ...env },
      timeout: patient(30_000),
    });
    return `${stdout}${stderr}`;
  }

  async machine(command: string, env?: NodeJS.ProcessEnv): Promise<string> {
    return await this.run(join(this.root, "usr/local/lib/moqmesh/machine"), [command], env);
  }

  async read(path: string): Promise<string> {
    return await readFile(join(this.root, path), "utf8");
  }
}

/** Files and startup script of an edge in a pool, as the module `machine` makes them. */
export async function made(
  cloud: string,
  adminPort: number,
  values: Readonly<Record<string, unknown>>,
): Promise<{ files: Files; script: string }> {
  const copy = await copyTerraform();
  try {
    const folder = "modules/machine";
    const variables = {
      cloud,
      mesh: "moq",
      scaling_group: "moq-eu-edge",
      group: {
        name: "moq-eu-edge-@ID@",
        region: "eu",
        role: "edge",
        pool: true,
        location: "europe",
        host: "moq-eu-edge-@ID@.live.example.com",
        cluster_host: "moq-eu-edge-@ID@.mesh.example.com",
        config: '[cluster]\nnode = "moq-eu-edge-@ID@"\n',
        secrets: ["secrets/admin.token"],
      },
      package: {
        url: "https://packages.example.com/moqmesh_1.0.0_arm64.deb",
        sha256: createHash("sha256").update(PACKAGE).digest("hex"),
      },
      ports: { admin: adminPort },
      metrics: {
        namespace: "moqmesh",
        measures: {
          sessions: {
            unit: "Count",
            value: { of: "sum", kind: "gauge", metric: "moqmesh_sessions", where: {}, unless: {} },
            over: null,
          },
        },
      },
      ...values,
    };
    await writeFile(join(copy.folder, folder, "values.tfvars.json"), JSON.stringify(variables));
    await copy.run(folder, "init", "-no-color");
    await copy.run(folder, "apply", "-no-color", "-auto-approve", "-var-file=values.tfvars.json");
    const outputs = JSON.parse(await copy.run(folder, "output", "-json")) as {
      files: { value: Files };
      startup_script: { value: string };
    };
    return { files: outputs.files.value, script: outputs.startup_script.value };
  } finally {
    await copy.remove();
  }
}
