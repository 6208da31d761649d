/** What a machine of AWS does for itself, against a cloud that this test plays. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Cloud, Machine, METRICS, made, missing } from "./support/machine.ts";

const ID = "0a1b2c3d4e5f60718";
const SERVER_ID = createHash("sha256").update(ID).digest("hex").slice(0, 16);
const SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:moq/secrets/admin.token-AbCdEf";
const TARGETS = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/moq-eu-quic/0123456789abcdef";
const meta = (path: string): string => `GET /latest/meta-data/${path}`;

describe("a machine of AWS", { skip: missing }, () => {
  const cloud = new Cloud();
  let machine: Machine;
  let root = "";
  after(async () => await rm(root, { recursive: true, force: true }));
  before(async () => {
    const url = await cloud.listen();
    root = await mkdtemp(join(tmpdir(), "moqmesh-machine-"));
    machine = new Machine(root, url);
    await machine.programs();
    const { files } = await made("aws", Number(new URL(url).port), {
      group: {
        name: "moq-eu-edge-@ID@",
        region: "eu",
        role: "edge",
        pool: true,
        location: "eu-central-1",
        host: "moq-eu-edge-@ID@.live.example.com",
        cluster_host: "moq-eu-edge-@ID@.mesh.example.com",
        config: '[load_balancer]\nserver_id = "0x@SERVER_ID@"\n\n[cluster]\nnode = "moq-eu-edge-@ID@"\n',
        secrets: ["secrets/admin.token"],
      },
      secrets: { "secrets/admin.token": SECRET },
      zones: { public: "Z0123456789", private: "Z9876543210" },
      targets: [{ arn: TARGETS, quic: true }],
      termination_hook: "drain",
    });
    for (const [path, file] of Object.entries(files))
      await machine.put(path, file.content, Number.parseInt(file.mode, 8));
    cloud.answers.set("PUT /latest/api/token", "token-of-the-metadata-service");
    cloud.answers.set(meta("instance-id"), `i-${ID}`);
    cloud.answers.set(meta("local-ipv4"), "10.64.0.7");
    cloud.answers.set(meta("public-ipv4"), "192.0.2.7");
    cloud.answers.set(meta("ipv6"), "2001:db8::7");
    cloud.answers.set(meta("iam/security-credentials/"), "moq-eu-edge");
    cloud.answers.set(
      meta("iam/security-credentials/moq-eu-edge"),
      JSON.stringify({
        AccessKeyId: "AKIAEXAMPLE",
        SecretAccessKey: "key-of-the-machine",
        Token: "token-of-the-machine",
      }),
    );
    cloud.answers.set("GET /metrics", METRICS);
    cloud.answers.set("POST /2013-04-01/hostedzone/*", "<ChangeResourceRecordSetsResponse/>");
  });
  after(() => cloud.close());

  it("waits for a secret that has no value yet, then reads it by a signed request", async () => {
    const preparing = machine.machine("prepare");
    while (!cloud.seen.some(({ headers }) => headers["x-amz-target"] === "secretsmanager.GetSecretValue")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    cloud.answers.set("POST /", JSON.stringify({ SecretString: "admin-secret" }));
    assert.match(
      await preparing,
      /secretsmanager refuses[\s\S]*secrets are missing; the next try is in 10 s[\s\S]*replaced .*admin\.token/,
    );
    assert.equal(await machine.read("etc/moqmesh/secrets/admin.token"), "admin-secret");
    assert.equal((await stat(join(machine.root, "etc/moqmesh/secrets/admin.token"))).mode & 0o777, 0o640);
    const request = cloud.seen.findLast(({ headers }) => headers["x-amz-target"] !== undefined);
    assert.deepEqual(JSON.parse(request?.body ?? ""), { SecretId: SECRET });
    assert.match(
      request?.authorization ?? "",
      /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/eu-central-1\/secretsmanager\/aws4_request, .*SignedHeaders=[^,]*x-amz-security-token/,
    );
    assert.equal(request?.headers["x-amz-security-token"], "token-of-the-machine");
  });

  it("takes its name and its server id, and leaves no half-written file", async () => {
    const config = await machine.read("etc/moqmesh/relay.toml");
    assert.match(config, new RegExp(`node = "moq-eu-edge-${ID}"`));
    assert.match(config, new RegExp(`server_id = "0x${SERVER_ID}"`));
    const left = await readdir(join(machine.root, "etc/moqmesh"), { recursive: true });
    assert.deepEqual(
      left.filter((name) => name.endsWith(".new")),
      [],
    );
  });

  it("keeps a secret that it cannot read again", async () => {
    cloud.answers.delete("POST /");
    await assert.rejects(machine.machine("secrets"), /cannot read the secret/);
    assert.equal(await machine.read("etc/moqmesh/secrets/admin.token"), "admin-secret");
    cloud.answers.set("POST /", JSON.stringify({ SecretString: "admin-secret" }));
  });

  it("writes its public and its private addresses, and registers with its server id", async () => {
    const before = cloud.seen.length;
    await machine.machine("join");
    const sent = cloud.seen.slice(before);
    const records = sent.filter(({ url }) => url.includes("/hostedzone/"));
    const described = records.map(({ url, body }) => {
      const part = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? "";
      return [url.split("/")[3], part("Action"), part("Name"), part("Type"), part("Value")].join(" ");
    });
    assert.deepEqual(described, [
      `Z0123456789 UPSERT moq-eu-edge-${ID}.live.example.com A 192.0.2.7`,
      `Z0123456789 UPSERT moq-eu-edge-${ID}.live.example.com AAAA 2001:db8::7`,
      `Z9876543210 UPSERT moq-eu-edge-${ID}.mesh.example.com A 10.64.0.7`,
    ]);
    assert.match(records[0]?.authorization ?? "", /\/us-east-1\/route53\/aws4_request/);
    const registered = new URLSearchParams(sent.at(-1)?.body);
    assert.deepEqual(Object.fromEntries(registered), {
      Action: "RegisterTargets",
      Version: "2015-12-01",
      TargetGroupArn: TARGETS,
      "Targets.member.1.Id": `i-${ID}`,
      "Targets.member.1.QuicServerId": `0x${SERVER_ID}`,
    });
  });

  it("writes its measures for its group and for the mesh", async () => {
    await machine.machine("measure");
    const sent = new URLSearchParams(cloud.seen.at(-1)?.body);
    assert.equal(sent.get("Action"), "PutMetricData");
    assert.equal(sent.get("Namespace"), "moqmesh");
    const data = [1, 2].map((member) => {
      const of = (name: string): string | null => sent.get(`MetricData.member.${member}.${name}`);
      return [
        of("MetricName"),
        of("Unit"),
        of("Value"),
        of("Dimensions.member.1.Name"),
        of("Dimensions.member.1.Value"),
      ];
    });
    assert.deepEqual(data, [
      ["sessions", "Count", "9", "AutoScalingGroupName", "moq-eu-edge"],
      ["sessions", "Count", "9", "Mesh", "moq"],
    ]);
  });

  for (const [why, path, answer, said] of [
    ["its group ends it", "autoscaling/target-lifecycle-state", "Terminated", "its group ends it"],
    ["the spot machine is taken back", "spot/instance-action", '{"action": "terminate"}', "spot notice"],
  ] as const) {
    it(`leaves, drains and reports it when ${why}`, async () => {
      const before = cloud.seen.length;
      cloud.answers.set(meta("autoscaling/target-lifecycle-state"), "InService");
      const watching = machine.machine("watch");
      while (!cloud.seen.slice(before).some(({ url }) => url.endsWith("target-lifecycle-state"))) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      cloud.answers.set(meta(path), answer);
      assert.match(await watching, new RegExp(`\\(${said}\\): the relay drains`));
      cloud.answers.delete(meta(path));
      const actions = cloud.seen.slice(before).flatMap(({ body, url }) => {
        if (url.includes("/hostedzone/")) return [/<Action>(\w+)</.exec(body)?.[1] ?? ""];
        return new URLSearchParams(body).get("Action") ?? [];
      });
      assert.deepEqual(actions, ["DeregisterTargets", "DELETE", "DELETE", "DELETE", "CompleteLifecycleAction"]);
      assert.equal((await machine.read("log")).trimEnd().split("\n").at(-1), "systemctl stop moqmesh.service");
      const completed = new URLSearchParams(cloud.seen.at(-1)?.body);
      assert.equal(completed.get("AutoScalingGroupName"), "moq-eu-edge");
      assert.equal(completed.get("LifecycleHookName"), "drain");
    });
  }
});
