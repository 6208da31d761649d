/** Broken and odd configurations: each with the exact codes that `check` names, where, and what its sentence says: settings, listeners and the mesh. */
import { after, before, describe } from "node:test";
import { Fixtures } from "./fixtures.ts";
import { certificate, NODE, table } from "./table.ts";

const fixtures = new Fixtures();
before(() => fixtures.make());
after(() => fixtures.remove());

describe("settings that do not do what they seem to", () => {
  const without = (keys: string[]) => keys.map((key, index) => `setting_without_effect ${index + 2} ${key}`);
  table(fixtures, "warnings", [
    [
      "more memory than there is",
      '[limits]\nmemory = "16GiB"',
      "memory_exceeds_machine 2 limits.memory",
      /16GiB is more than the 8GiB/,
    ],
    [
      "a cache as large as the memory",
      '[cache]\nbytes = "7GiB"',
      "cache_exceeds_memory 2 cache.bytes",
      /does not fit into 8GiB/,
    ],
    [
      "a cache over the limit of memory",
      '[limits]\nmemory = "1GiB"\n[cache]\nbytes = "1GiB"',
      "cache_exceeds_memory 4 cache.bytes",
      /does not fit into 1GiB/,
    ],
    [
      "tokens over plain connections",
      "[server]\nplaintext = true",
      "plaintext 2 server.plaintext",
      /without encryption/,
    ],
    [
      "an admin listener over plain connections",
      '[http]\nadmin_host = "10.0.0.5"\nadmin_read_token_file = "DIR/secret"',
      "plaintext 2 http.admin_host",
      /set `admin_tls = true`/,
    ],
    [
      "plain webhooks without a signature",
      '[webhooks]\nurls = ["http://10.0.0.5/"]',
      ["plaintext 2 webhooks.urls", "webhooks_unsigned 2 webhooks.urls"],
      /set `secret_file`/,
    ],
    [
      "everything for everyone",
      '[auth]\npublic_publish = [""]\npublic_subscribe = ["/"]',
      ["public_access 2 auth.public_publish", "public_access 3 auth.public_subscribe"],
      /may publish everything/,
    ],
    [
      "times of a key URL that is not set",
      '[auth]\nkey_url_refresh = "1m"\nkey_url_keep = "2h"',
      without(["auth.key_url_refresh", "auth.key_url_keep"]),
      /`\[auth\] key_url` is not set/,
    ],
    [
      "times of an API that is not set",
      '[auth]\napi_timeout = "1s"',
      without(["auth.api_timeout"]),
      /`\[auth\] api` is not set/,
    ],
    [
      "rules of tokens without a key",
      '[auth]\naudiences = ["a"]\nmax_life = "1d"',
      without(["auth.audiences", "auth.max_life"]),
      /no keys that verify tokens/,
    ],
    [
      "certificates of clients without an authority",
      "[tls]\nclient_required = false",
      without(["tls.client_required"]),
      /`client_ca` is not set/,
    ],
    [
      "the address of a port that is not set",
      '[http]\nhealth_host = "10.0.0.5"',
      without(["http.health_host"]),
      /`health_port` is not set/,
    ],
    [
      "an admin listener that is off",
      '[http]\nadmin = false\nadmin_tls = true\nsnapshot_dir = "DIR"\nadmin_port = 4444',
      [
        "setting_without_effect 3 http.admin_tls",
        "setting_without_effect 4 http.snapshot_dir",
        "setting_without_effect 5 http.admin_port",
      ],
      /no admin listener/,
    ],
    [
      "the right of certificates that are not asked for",
      '[http]\nadmin_client_right = "write"',
      without(["http.admin_client_right"]),
      /`admin_client_ca` is not set/,
    ],
    [
      "webhooks without a URL",
      '[webhooks]\ntimeout = "1s"',
      without(["webhooks.timeout"]),
      /`\[webhooks\] urls` is empty/,
    ],
    [
      "probes that are off",
      '[health]\nfailures = 5\nprobe_interval = "0s"',
      without(["health.failures"]),
      /does not probe itself/,
    ],
    [
      "a region without a mesh",
      '[cluster]\nregion = "eu"',
      without(["cluster.region"]),
      /`\[cluster\] node` is not set/,
    ],
    [
      "the life of tokens that are given",
      `${NODE}root = ["https://root.example"]\ntoken_file = "DIR/token"\ntoken_life = "2h"`,
      "setting_without_effect 7 cluster.token_life",
      /makes with `key_file`/,
    ],
    [
      "authorities beside fingerprints",
      `${NODE}root = ["https://root.example"]\ntoken_file = "DIR/token"\nca = "DIR/root.pem"\nfingerprints = ["${"ab".repeat(32)}"]`,
      "setting_without_effect 7 cluster.ca",
      /replace the authorities/,
    ],
    [
      "threads of another engine",
      '[server]\nengine = "rwebtransport"\nthreads = 4',
      "setting_without_effect 3 server.threads",
      /only the native engine/,
    ],
    [
      "a delay that is off",
      '[quic]\nack_delay = "50ms"\nack_frequency = false',
      without(["quic.ack_delay"]),
      /`ack_frequency` is false/,
    ],
    [
      "names of a certificate that is not made",
      `${certificate("full").replace("full.key", "leaf.key")}hosts = ["a.example"]`,
      ["certificate_chain_incomplete 2 tls.cert", "setting_without_effect 4 tls.hosts"],
      /names of a self-signed certificate/,
    ],
  ]);
});

describe("listeners", () => {
  table(fixtures, "problems", [
    [
      "the admin listener at the public port",
      "[server]\nport = 4444\n[http]\nadmin_port = 4444",
      "port_conflict 4 http.admin_port",
      /the public port is also 4444: choose another port for the admin listener/,
    ],
    [
      "the health port at the admin listener",
      "[http]\nadmin_port = 4444\nhealth_port = 4444",
      "port_conflict 3 http.health_port",
      /the admin listener is also 4444/,
    ],
    [
      "the cluster listener at the public port",
      `[server]\nport = 4443\n${NODE}root = ["https://root.example"]\nkey_file = "DIR/mesh.jwk"\nlisten = "10.0.0.5:4443"`,
      "port_conflict 9 cluster.listen",
      /choose another port for the cluster listener/,
    ],
  ]);
});

describe("the credentials of a relay of a mesh", () => {
  const mesh = `${NODE}root = ["https://root.example"]\n`;
  table(fixtures, "problems", [
    [
      "a signing key that does not exist",
      `${mesh}key_file = "DIR/x"`,
      "file_missing 6 cluster.key_file",
      /cannot be read/,
    ],
    [
      "a signing key without its private half",
      `${mesh}key_file = "DIR/public.jwk"`,
      "cluster_key_unusable 6 cluster.key_file",
      /no key that can sign/,
    ],
    [
      "authorities that do not exist",
      `${mesh}key_file = "DIR/mesh.jwk"\nca = "DIR/x"`,
      "file_missing 7 cluster.ca",
      /does not exist/,
    ],
    [
      "authorities without a certificate",
      `${mesh}key_file = "DIR/mesh.jwk"\nca = "DIR/text"`,
      "authorities_invalid 7 cluster.ca",
      /no PEM certificate/,
    ],
    [
      "a token that is none",
      `${mesh}token = "abc"`,
      "cluster_token_invalid 6 cluster.token",
      /no token in the form of a JWT/,
    ],
    [
      "a token for viewers",
      `${mesh}token_file = "DIR/no-cluster"`,
      "cluster_token_invalid 6 cluster.token_file",
      /lacks the claim `cluster`/,
    ],
    [
      "a token that has expired",
      `${mesh}token_file = "DIR/past"`,
      "cluster_token_expired 6 cluster.token_file",
      /the token expired on 20/,
    ],
    [
      "the token of another relay",
      `${mesh}token_file = "DIR/foreign"`,
      "node_mismatch 6 cluster.token_file",
      /is that of `edge-9`, and cluster.node is `edge-1`/,
    ],
    [
      "the certificate of another relay",
      `${mesh}client_cert = "DIR/client.pem"\nclient_key = "DIR/client.key"`,
      "node_mismatch 6 cluster.client_cert",
      /is that of `relay\.example`/,
    ],
    [
      "a certificate without its key",
      `${mesh}client_cert = "DIR/edge-1.pem"\nclient_key = "DIR/x"`,
      "file_missing 7 cluster.client_key",
      /does not exist/,
    ],
  ]);
  table(fixtures, "warnings", [
    [
      "a token that ends today",
      `${mesh}token_file = "DIR/short-life"`,
      "cluster_token_expired 6 cluster.token_file",
      /this relay then leaves the mesh/,
    ],
    [
      "a certificate that its own mesh refuses",
      `${mesh}client_ca = "DIR/root.pem"\nclient_cert = "DIR/edge-2.pem"\nclient_key = "DIR/edge-2.key"`,
      "certificate_chain_incomplete 7 cluster.client_cert",
      /judged by `client_ca`/,
    ],
    [
      "a signing key that the mesh does not know",
      `${mesh}key_file = "DIR/mesh.jwk"\n[auth]\nkey_file = "DIR/other.jwk"`,
      "cluster_token_refused 6 cluster.key_file",
      /add the public half/,
    ],
    [
      "tokens that live longer than they may",
      `${mesh}key_file = "DIR/mesh.jwk"\ntoken_life = "2h"\n[auth]\nkey_file = "DIR/public.jwk"\nmax_life = "1h"`,
      "token_life_refused 7 cluster.token_life",
      /2h are longer than \[auth\] max_life of 1h/,
    ],
    [
      "a token that every user may read",
      `${mesh}token_file = "DIR/open-token"`,
      "secret_readable 6 cluster.token_file",
      /may read it/,
    ],
  ]);
});

describe("a mesh that does not meet", () => {
  const roots = 'root = ["https://root.example"]\nkey_file = "DIR/mesh.jwk"\n';
  table(fixtures, "warnings", [
    [
      "an edge that knows nobody",
      `${NODE}role = "edge"`,
      "mesh_without_way_in 5 cluster.role",
      /knows no root.*set `root`/,
    ],
    [
      "an origin that nobody can dial",
      `[cluster]\nnode = "a"\nallow = ["10.0.0.0/8"]\n${roots}`,
      "node_not_dialled 2 cluster.node",
      /set `url`/,
    ],
    [
      "a URL that is no address",
      `${NODE.replace("relay.example", "0.0.0.0")}${roots}`,
      "url_not_reachable 4 cluster.url",
      /0\.0\.0\.0 is no address/,
    ],
    [
      "a URL of this machine in a mesh of several",
      `${NODE.replace("relay.example", "localhost")}${roots}`,
      "url_not_reachable 4 cluster.url",
      /root\.example\/? is another machine/,
    ],
    [
      "a URL with another port",
      `${NODE}${roots}[server]\nport = 443`,
      "url_wrong_port 4 cluster.url",
      /port 4443, and the public port is 443/,
    ],
    [
      "a URL that misses the cluster listener",
      `${NODE}${roots}listen = "10.0.0.5:4445"`,
      "url_wrong_port 4 cluster.url",
      /the cluster listener is 4445/,
    ],
    [
      "one root twice",
      `${NODE}root = ["https://a.example", "https://a.example"]\nkey_file = "DIR/mesh.jwk"`,
      "relay_twice 5 cluster.root",
      /named twice/,
    ],
    [
      "a relay among its own peers",
      `${NODE}peers = ["edge-1 edge eu https://a.example"]\nkey_file = "DIR/mesh.jwk"`,
      "relay_twice 5 cluster.peers",
      /this relay itself/,
    ],
    [
      "a mesh that a stolen token opens",
      `[cluster]\nnode = "a"\nurl = "https://relay.example:4443"\n${roots}`,
      "cluster_plane_open 2 cluster.node",
      /set `client_ca`/,
    ],
    ["a role without a mesh", '[cluster]\nrole = "edge"', "setting_without_effect 2 cluster.role", /in no mesh/],
  ]);
});
