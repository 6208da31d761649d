/** What a machine of Google Cloud or Azure does for itself, against a cloud that this test plays. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { copyTerraform } from "../support/tofu.ts";
import { tool } from "../support/tools.ts";

const PACKAGE = "what a package has in it\n";
const METRICS = 'moqmesh_ready 1\nmoqmesh_sessions{transport="quic"} 7\nmoqmesh_sessions{transport="websocket"} 2\n';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A cloud: `answers` by `METHOD path`, where a path may end with `*`; anything else is not found. */
class Cloud {
  readonly seen: Seen[] = [];
  readonly answers = new Map<string, string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method = "", url = "" } = request;
        this.seen.push({ method, url, authorization: request.headers.authorization, body });
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
class Machine {
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
      timeout: 30_000,
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
async function made(
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

const needs = tool("tofu").missing || tool("schema-provider").missing;

describe("a machine of Google Cloud", { skip: needs }, () => {
  const cloud = new Cloud();
  let machine: Machine;
  before(async () => {
    const url = await cloud.listen();
    const root = await mkdtemp(join(tmpdir(), "moqmesh-machine-"));
    machine = new Machine(root, url);
    await machine.programs();
    const { script } = await made("google", Number(new URL(url).port), {
      secrets: { "secrets/admin.token": "projects/media/secrets/moq-admin-token" },
      zones: { public: "projects/dns/managedZones/live" },
    });
    await machine.put("startup.sh", script);
    const meta = (path: string): string => `GET /computeMetadata/v1/${path}`;
    cloud.answers.set(meta("instance/service-accounts/default/token"), '{"access_token": "token-of-the-machine"}');
    cloud.answers.set(meta("instance/name"), "moq-eu-edge-x7k2");
    cloud.answers.set(meta("instance/id"), "4520031799277581759");
    cloud.answers.set(meta("instance/zone"), "projects/1234/zones/europe-west3-b");
    cloud.answers.set(meta("project/project-id"), "media");
    cloud.answers.set(meta("instance/network-interfaces/0/access-configs/0/external-ip"), "192.0.2.7");
    cloud.answers.set(
      "GET /v1/projects/media/secrets/moq-admin-token/versions/latest:access",
      JSON.stringify({ payload: { data: Buffer.from("admin-secret\n").toString("base64") } }),
    );
    cloud.answers.set("POST /dns/v1/projects/dns/managedZones/live/rrsets", "{}");
    cloud.answers.set("DELETE /dns/v1/projects/dns/managedZones/live/rrsets/*", "{}");
    cloud.answers.set("POST /v3/projects/media/timeSeries", "{}");
    cloud.answers.set("GET /metrics", METRICS);
    return async () => await rm(root, { recursive: true });
  });
  after(() => cloud.close());

  it("installs itself by its startup script, once", async () => {
    await machine.run(join(machine.root, "startup.sh"), []);
    const log = await machine.read("log");
    assert.match(log, /apt-get install -y .*curl jq/);
    assert.match(log, /apt-get install -y --no-install-recommends .*\.deb/);
    assert.match(log, /systemctl restart --no-block moqmesh\.service/);
    assert.match(await machine.read("etc/sysctl.d/60-moqmesh.conf"), /rmem_max/);
    assert.equal((await stat(join(machine.root, "usr/local/lib/moqmesh/machine"))).mode & 0o777, 0o755);
    await machine.run(join(machine.root, "startup.sh"), []);
    assert.equal(await machine.read("log"), log);
  });

  it("reads its secrets with its own token, and takes its name", async () => {
    await machine.machine("prepare");
    assert.equal(await machine.read("etc/moqmesh/secrets/admin.token"), "admin-secret\n");
    assert.equal((await stat(join(machine.root, "etc/moqmesh/secrets/admin.token"))).mode & 0o777, 0o640);
    assert.match(await machine.read("etc/moqmesh/relay.toml"), /node = "moq-eu-edge-x7k2"/);
    const request = cloud.seen.find(({ url }) => url.includes("moq-admin-token"));
    assert.equal(request?.authorization, "Bearer token-of-the-machine");
  });

  it("writes its name into DNS: a new record, or a new address of the old one", async () => {
    await machine.machine("join");
    const body = { name: "moq-eu-edge-x7k2.live.example.com.", type: "A", ttl: 30, rrdatas: ["192.0.2.7"] };
    assert.deepEqual(JSON.parse(cloud.take("POST").at(-1)?.body ?? ""), body);
    const record = "/dns/v1/projects/dns/managedZones/live/rrsets/moq-eu-edge-x7k2.live.example.com./A";
    cloud.answers.set(`GET ${record}`, "{}");
    cloud.answers.set(`PATCH ${record}`, "{}");
    await machine.machine("join");
    assert.deepEqual(JSON.parse(cloud.take("PATCH").at(-1)?.body ?? ""), body);
  });

  it("writes its measures as metrics of the machine", async () => {
    await machine.machine("measure");
    const sent = JSON.parse(cloud.seen.find(({ url }) => url.endsWith("/timeSeries"))?.body ?? "") as {
      timeSeries: readonly Record<string, unknown>[];
    };
    assert.equal(sent.timeSeries.length, 1);
    const { metric, resource } = sent.timeSeries[0] ?? {};
    assert.deepEqual(metric, {
      type: "custom.googleapis.com/moqmesh/sessions",
      labels: { mesh: "moq", group: "moq-eu-edge", location: "europe" },
    });
    assert.deepEqual(resource, {
      type: "gce_instance",
      labels: { project_id: "media", zone: "europe-west3-b", instance_id: "4520031799277581759" },
    });
    assert.match(JSON.stringify(sent), /"doubleValue":9[,}]/);
  });

  it("drains when the spot machine is taken back, and leaves DNS first", async () => {
    cloud.answers.set("GET /computeMetadata/v1/instance/preempted", "FALSE");
    const watching = machine.machine("watch");
    cloud.answers.set("GET /computeMetadata/v1/instance/preempted", "TRUE");
    assert.match(await watching, /spot notice.*drains/);
    assert.match(await machine.read("log"), /systemctl stop moqmesh\.service/);
    assert.equal(cloud.take("DELETE").length, 1);
  });

  it("leaves DNS when the system shuts down, and not when the relay is restarted", async () => {
    await machine.machine("end");
    assert.equal(cloud.take("DELETE").length, 1);
    await machine.machine("end", { SYSTEM: "stopping" });
    assert.equal(cloud.take("DELETE").length, 2);
  });
});

describe("a machine of Azure", { skip: needs }, () => {
  const cloud = new Cloud();
  const zone =
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/dns/providers/Microsoft.Network/dnsZones/live.example.com";
  const privateZone = `${zone.slice(0, zone.indexOf("dnsZones"))}privateDnsZones/mesh.example.com`;
  const network = "/subscriptions/1/resourceGroups/media/providers/Microsoft.Network/virtualNetworks/moq-eu";
  let machine: Machine;
  before(async () => {
    const url = await cloud.listen();
    const root = await mkdtemp(join(tmpdir(), "moqmesh-machine-"));
    machine = new Machine(root, url);
    await machine.programs();
    const { files } = await made("azure", Number(new URL(url).port), {
      secrets: { "secrets/admin.token": "https://moq.vault.azure.net/secrets/admin-token" },
      zones: { public: zone, private: privateZone },
      settings: { IDENTITY: "00000000-0000-0000-0000-000000000000", METRICS_OF_REGION: network },
    });
    for (const [path, file] of Object.entries(files))
      await machine.put(path, file.content, Number.parseInt(file.mode, 8));
    const compute = (name: string, value: string): void => {
      cloud.answers.set(`GET /metadata/instance/compute/${name}?api-version=2021-02-01&format=text`, value);
    };
    compute("name", "moq-eu-edge_1A2B3C4D");
    compute("subscriptionId", "1");
    compute("resourceGroupName", "media");
    compute("vmScaleSetName", "moq-eu-edge");
    cloud.answers.set("GET /metadata/identity/oauth2/token?*", '{"access_token": "token-of-the-machine"}');
    cloud.answers.set(
      "GET /metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress?api-version=2021-02-01&format=text",
      "10.64.0.4",
    );
    cloud.answers.set(
      "GET /metadata/loadbalancer?api-version=2020-10-01",
      '{"loadbalancer": {"publicIpAddresses": [{"frontendIpAddress": "192.0.2.8", "privateIpAddress": "10.64.0.4"}]}}',
    );
    cloud.answers.set(
      "GET /moq.vault.azure.net/secrets/admin-token?api-version=7.4",
      JSON.stringify({ value: "admin-secret\n" }),
    );
    cloud.answers.set("PUT /management.azure.com/*", "{}");
    cloud.answers.set("DELETE /management.azure.com/*", "{}");
    cloud.answers.set("POST /europe.monitoring.azure.com/*", "");
    cloud.answers.set("POST /metadata/scheduledevents*", "");
    cloud.answers.set("GET /metadata/scheduledevents?api-version=2020-07-01", '{"Events": []}');
    cloud.answers.set("GET /metrics", METRICS);
    return async () => await rm(root, { recursive: true });
  });
  after(() => cloud.close());

  it("reads its secrets with the token of its identity, and takes its name", async () => {
    await machine.machine("prepare");
    assert.equal(await machine.read("etc/moqmesh/secrets/admin.token"), "admin-secret\n");
    assert.match(await machine.read("etc/moqmesh/relay.toml"), /node = "moq-eu-edge-1a2b3c4d"/);
    const request = cloud.seen.find(({ url }) => url.startsWith("/moq.vault"));
    assert.equal(request?.authorization, "Bearer token-of-the-machine");
    const asked = cloud.seen.find(({ url }) => url.startsWith("/metadata/identity"))?.url;
    assert.match(asked ?? "", /client_id=00000000-0000-0000-0000-000000000000&resource=https:\/\/vault\.azure\.net$/);
  });

  it("writes its names into the public and the private zone", async () => {
    await machine.machine("join");
    const [first, second] = cloud.take("PUT");
    assert.equal(first?.url, `/management.azure.com${zone}/A/moq-eu-edge-1a2b3c4d?api-version=2018-05-01`);
    assert.deepEqual(JSON.parse(first?.body ?? ""), {
      properties: { TTL: 30, ARecords: [{ ipv4Address: "192.0.2.8" }] },
    });
    assert.equal(second?.url, `/management.azure.com${privateZone}/A/moq-eu-edge-1a2b3c4d?api-version=2024-06-01`);
    assert.deepEqual(JSON.parse(second?.body ?? ""), {
      properties: { ttl: 30, aRecords: [{ ipv4Address: "10.64.0.4" }] },
    });
  });

  it("writes its measures for its scale set and for its region", async () => {
    await machine.machine("measure");
    const sent = cloud.take("POST");
    assert.deepEqual(
      sent.map(({ url }) => url),
      [
        "/europe.monitoring.azure.com/subscriptions/1/resourceGroups/media/providers/Microsoft.Compute/virtualMachineScaleSets/moq-eu-edge/metrics",
        `/europe.monitoring.azure.com${network}/metrics`,
      ],
    );
    const { data } = JSON.parse(sent[0]?.body ?? "") as { data: { baseData: unknown } };
    assert.deepEqual(data.baseData, {
      metric: "sessions",
      namespace: "moqmesh",
      dimNames: ["mesh", "group", "relay"],
      series: [{ dimValues: ["moq", "moq-eu-edge", "moq-eu-edge_1A2B3C4D"], min: 9, max: 9, sum: 9, count: 1 }],
    });
  });

  it("drains at an event of its own, and approves it afterwards", async () => {
    const event = (id: string, type: string, name: string): unknown => ({
      EventId: id,
      EventType: type,
      Resources: [name],
    });
    const others = [event("A", "Terminate", "moq-eu-edge_00000000"), event("B", "Freeze", "moq-eu-edge_1A2B3C4D")];
    const path = "GET /metadata/scheduledevents?api-version=2020-07-01";
    cloud.answers.set(path, JSON.stringify({ Events: others }));
    const watching = machine.machine("watch");
    cloud.answers.set(path, JSON.stringify({ Events: [...others, event("C", "Preempt", "moq-eu-edge_1A2B3C4D")] }));
    assert.match(await watching, /Preempt C.*drains/);
    assert.match(await machine.read("log"), /systemctl stop moqmesh\.service/);
    assert.equal(cloud.take("DELETE").length, 2);
    assert.deepEqual(JSON.parse(cloud.take("POST").at(-1)?.body ?? ""), { StartRequests: [{ EventId: "C" }] });
  });
});
