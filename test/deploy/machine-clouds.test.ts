/** What a machine of Google Cloud or Azure does for itself, against a cloud that this test plays. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Cloud, Machine, METRICS, made, missing } from "./support/machine.ts";

describe("a machine of Google Cloud", { skip: missing }, () => {
  const cloud = new Cloud();
  let machine: Machine;
  let root = "";
  after(async () => await rm(root, { recursive: true, force: true }));
  before(async () => {
    const url = await cloud.listen();
    root = await mkdtemp(join(tmpdir(), "moqmesh-machine-"));
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

describe("a machine of Azure", { skip: missing }, () => {
  const cloud = new Cloud();
  const zone =
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/dns/providers/Microsoft.Network/dnsZones/live.example.com";
  const privateZone = `${zone.slice(0, zone.indexOf("dnsZones"))}privateDnsZones/mesh.example.com`;
  const network = "/subscriptions/1/resourceGroups/media/providers/Microsoft.Network/virtualNetworks/moq-eu";
  let machine: Machine;
  let root = "";
  after(async () => await rm(root, { recursive: true, force: true }));
  before(async () => {
    const url = await cloud.listen();
    root = await mkdtemp(join(tmpdir(), "moqmesh-machine-"));
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
