/** Relays that find each other by DNS: a name server on loopback, whole relays over real QUIC in this process. */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Role } from "../../cluster/contract.ts";
import { freePorts } from "../../lab/ports.ts";
import type { MeshWorkspace } from "../../lab/workspace.ts";
import type { Trust } from "../../moq/link.ts";
import { connect } from "../../relay/client/client.ts";
import { dnsResolver } from "../../relay/mesh/resolver.ts";
import { patient } from "../../scripts/suite/patience.ts";
import { certificateHosts, makeSelfSigned } from "../../transport/tls/self-signed.ts";
import { DnsServer } from "../support/dns-server.ts";
import { missingLinux } from "../support/engines.ts";
import { publishTo } from "../support/publisher.ts";
import { until } from "../support/until.ts";
import { Stage } from "./support/stage.ts";

const TIMEOUT_MS = patient(60_000);
const HOST = "relay.mesh.test";
const SERVICE = "_moqmesh._udp.mesh.test";

const skip = await missingLinux(({ name, dialsAddresses }) =>
  dialsAddresses ? false : `the engine ${name} cannot dial an address`,
);

interface Place {
  readonly node: string;
  readonly role: Role;
  readonly address: string;
  readonly port: number;
  readonly dns: readonly string[];
}

describe("relays found by DNS", { skip }, () => {
  let stage: Stage;
  let workspace: MeshWorkspace;
  let server: DnsServer;
  let trust: Trust;

  before(async () => {
    stage = await Stage.open();
    workspace = stage.workspace;
    server = await DnsServer.start();
    const certificate = await makeSelfSigned(certificateHosts([HOST, "127.0.0.2"]), Date.now());
    const sha256 = createHash("sha256").update(new X509Certificate(certificate.cert).raw).digest();
    trust = { kind: "hashes", sha256: [sha256] };
    await writeFile(join(workspace.folder, "dns.crt"), certificate.cert);
    await writeFile(join(workspace.folder, "dns.key"), certificate.key);
  });
  after(async () => {
    await stage.close();
    server.close();
  });

  async function relayAt({ node, role, address, port, dns }: Place) {
    const certificate = join(workspace.folder, "dns.crt");
    const settings = {
      "server.host": address,
      "server.port": String(port),
      "tls.cert": certificate,
      "tls.key": join(workspace.folder, "dns.key"),
      "cluster.url": "",
      "cluster.fingerprints": "",
      "cluster.ca": certificate,
      "cluster.dns": dns.join(","),
      "cluster.dns_interval": "1s",
    };
    const staged = await stage.relay(node, role, settings, { resolver: dnsResolver([server.at]) });
    return { ...staged, known: () => staged.relay.cluster()?.nodes ?? 0 };
  }

  const url = (address: string, port: number, token: string) => new URL(`https://${address}:${port}/?jwt=${token}`);

  const publish = (address: string, port: number, broadcast: string, frame: string) =>
    publishTo(url(address, port, workspace.publisherToken), broadcast, "video", [[frame]], trust);

  /** Reads one group of a broadcast at a relay, which finds the origin that has it. */
  async function fetched(address: string, port: number, broadcast: string) {
    const client = await connect(url(address, port, workspace.viewerToken), { trust, timeoutMs: 5_000 });
    try {
      const { frames } = await client.fetch({ broadcast, track: "video", timeoutMs: 15_000 });
      return frames.map(({ payload }) => Buffer.from(payload).toString());
    } finally {
      await client.close();
    }
  }

  it("are dialled at each address, trusted by their host name, and change with the records", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [port = 0, edgePort = 0] = await freePorts(2);
    const dns = [`origin eu https://${HOST}:${port}`];
    server.addresses.set(HOST, ["127.0.0.1", "127.0.0.2"]);
    // Each origin finds its own address as well, and must not count itself.
    const one = await relayAt({ node: "o1", role: "origin", address: "127.0.0.1", port, dns });
    const two = await relayAt({ node: "o2", role: "origin", address: "127.0.0.2", port, dns });
    const edge = await relayAt({ node: "e1", role: "edge", address: "127.0.0.1", port: edgePort, dns });
    await until(() => edge.known() === 2 && one.known() === 1 && two.known() === 1);

    const publisher = await publish("127.0.0.2", port, "live/a", "at two");
    assert.deepEqual(await fetched("127.0.0.1", edgePort, "live/a"), ["at two"]);
    assert.deepEqual(await fetched("127.0.0.1", port, "live/a"), ["at two"], "an origin finds what another origin has");
    publisher.session.close(0, "");

    server.addresses.set(HOST, ["127.0.0.1"]);
    await until(() => edge.known() === 1);
    const asked = server.asked.length;
    server.silent = true;
    await until(
      () => server.asked.length > asked + 4 && edge.messages().some((text) => /cannot be resolved/.test(text)),
    );
    assert.equal(edge.known(), 1, "known relays stay known");
    server.silent = false;
    await Promise.all([one, two, edge].map(({ relay }) => relay.close()));
  });

  it("get their ports from SRV records", { timeout: TIMEOUT_MS }, async () => {
    const [port = 0, edgePort = 0] = await freePorts(2);
    server.addresses.set(HOST, ["127.0.0.1"]);
    server.services.set(SERVICE, [{ host: HOST, port }]);
    const origin = await relayAt({ node: "o1", role: "origin", address: "127.0.0.1", port, dns: [] });
    const dns = [`origin eu https://${SERVICE}`];
    const edge = await relayAt({ node: "e1", role: "edge", address: "127.0.0.1", port: edgePort, dns });
    const publisher = await publish("127.0.0.1", port, "live/b", "by SRV");
    await until(() => edge.known() === 1);
    // moq-lite 06 refuses a path that no relay has named within half a second, which is short for a busy machine.
    const frames = await until(() => fetched("127.0.0.1", edgePort, "live/b").catch(notFound));
    assert.deepEqual(frames, ["by SRV"]);
    publisher.session.close(0, "");
    await Promise.all([origin, edge].map(({ relay }) => relay.close()));
  });

  it("are not trusted without a certificate for the name", { timeout: TIMEOUT_MS }, async () => {
    const [port = 0, edgePort = 0] = await freePorts(2);
    server.addresses.set("untrusted.mesh.test", ["127.0.0.1"]);
    const origin = await relayAt({ node: "o1", role: "origin", address: "127.0.0.1", port, dns: [] });
    const url = `https://untrusted.mesh.test:${port}`;
    const dns = [`origin eu ${url}`];
    const edge = await relayAt({ node: "e1", role: "edge", address: "127.0.0.1", port: edgePort, dns });
    const logged = `the relay dns-127.0.0.1-${port} at ${url}/, found by DNS, cannot be reached`;
    await until(() => edge.messages().some((text) => text.startsWith(logged)));
    assert.equal(edge.known(), 0);
    await Promise.all([origin, edge].map(({ relay }) => relay.close()));
  });
});

/** Lets a path be asked for again that was not found; other errors stay. */
function notFound(error: unknown): undefined {
  if (!(error instanceof Error && "code" in error && error.code === "not_found")) throw error;
}
