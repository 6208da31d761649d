import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { freePort } from "../../lab/ports.ts";
import { Fixtures, findingsOf } from "./fixtures.ts";

const fixtures = new Fixtures();
before(() => fixtures.make());
after(() => fixtures.remove());

const TOML = `[auth]
key_url = "https://keys.example/jwks.json"
[webhooks]
urls = ["https://hooks.example:8443/x"]
secret = "${"s".repeat(32)}"
[cluster]
node = "root-1"
role = "root"
allow = ["10.0.0.0/8"]
url = "https://relay.example:4443"
peers = ["a origin eu https://gone.example"]
dns = ["origin eu https://_moqmesh._udp.example"]
registry = "redis://10.0.0.5:6380/0"
token_file = "DIR/token"
`;

test("without --network nothing is looked up", async () => {
  assert.deepEqual(await findingsOf(fixtures, TOML), { problems: [], warnings: [] });
});

test("with --network each name is resolved and each service is reached, and a fault is named by its key", async () => {
  const resolved: string[] = [];
  const reached: string[] = [];
  const network = {
    resolve: async (host: string) => {
      resolved.push(host);
      await Promise.resolve();
      if (host === "gone.example") throw Object.assign(new Error("x"), { code: "ENOTFOUND" });
    },
    reach: async (host: string, port: number, tls: boolean) => {
      reached.push(`${host} ${port} ${tls}`);
      await Promise.resolve();
      if (port === 8443) throw Object.assign(new Error("x"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
      if (port === 6380) throw Object.assign(new Error("x"), { code: "ECONNREFUSED" });
    },
  };
  const { problems, warnings } = await findingsOf(fixtures, TOML, { network });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    warnings.map(({ code, key, line }) => `${code} ${line} ${key}`),
    [
      "service_unreachable 4 webhooks.urls",
      "name_unresolved 11 cluster.peers",
      "service_unreachable 13 cluster.registry",
    ],
  );
  assert.match(warnings[0]?.text ?? "", /hooks\.example:8443 cannot be reached: its certificate is for another name/);
  assert.match(warnings[1]?.text ?? "", /gone\.example cannot be resolved: there is no host of that name/);
  assert.match(warnings[2]?.text ?? "", /10\.0\.0\.5:6380 cannot be reached: nothing listens there/);
  assert.deepEqual(resolved.sort(), ["gone.example", "hooks.example", "keys.example", "relay.example"]);
  assert.deepEqual(reached.sort(), ["10.0.0.5 6380 false", "hooks.example 8443 true", "keys.example 443 true"]);
});

test("a service of this machine is reached, and one that is gone is named", async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const toml = `[auth]\napi = "http://127.0.0.1:${port}/"`;
  assert.deepEqual(await findingsOf(fixtures, toml, { network: true }), { problems: [], warnings: [] });
  await new Promise((resolve) => server.close(resolve));
  const { warnings } = await findingsOf(fixtures, toml, { network: true });
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["service_unreachable"],
  );
});
