import { DIALLED, MEDIA_ROLES, NODE_NAME, ROLES } from "../../cluster/index.ts";
import { brokenBlock } from "./auth.ts";
import {
  AT_THE_START,
  choice,
  duration,
  flagField,
  integer,
  optionalText,
  PAIR_REREAD,
  paths,
  REDACTED,
  secretFile,
  secretText,
  secretTexts,
  text,
  texts,
  withoutCredentials,
} from "./fields.ts";
import { isPlainElsewhere, listenAddress } from "./loopback.ts";
import { redisAddress } from "./registry.ts";
import { isKeyItself } from "./secrets.ts";
import { type Rule, section } from "./section.ts";
import { topologyFields } from "./topology.ts";

/** External relays may need a token in the query. */
const CONNECTED = /^(https|wss|ws|moqt|moql):\/\/[^\s#]+$/;

/** SHA-256 of a certificate, as other tools print it. */
const FINGERPRINT = /^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i;

/** One of `peers`. */
const STATIC_PEER = new RegExp(`^\\S+ (${ROLES.join("|")}) \\S+ \\S+$`);

/** One of `dns`. */
const DNS_ENTRY = new RegExp(`^(${MEDIA_ROLES.join("|")}) \\S+ ${DIALLED.source.slice(1)}`);

/** A name with SRV records and a port: the records have the ports already. */
const SERVICE_PORT = /:\/\/_[^/]*:\d+(\/|$)/;

function each<V>(keys: readonly (keyof V & string)[], wrong: (values: V) => readonly string[], what: string): Rule<V> {
  return {
    keys,
    broken: (values) => {
      const [first] = wrong(values);
      return first === undefined ? undefined : `${what}, got "${withoutCredentials(first)}"`;
    },
  };
}

const unless = (pattern: RegExp) => (list: readonly string[]) => list.filter((one) => !pattern.test(one));

export const clusterSection = section(
  "cluster",
  "The mesh that the relay belongs to: see [mesh.md](mesh.md). Without `node` it belongs to none.",
  {
    node: optionalText({ description: "Name of this relay, unique in the mesh.", fallback: "no mesh" }),
    role: choice(ROLES, {
      description:
        "`origin` serves publishers. `edge` serves viewers. `regional` takes each broadcast once for all edges of its region. `root` is a registry and carries no media.",
      default: "origin",
    }),
    region: text({
      description:
        "Region of this relay. Relays of one region are near each other: an edge uses the regionals of its own region.",
      default: "default",
    }),
    regions: texts({
      description:
        "Other regions, best first, for when no relay of its own region is available. An edge uses regionals of these regions only. A draining relay sends its viewers to relays of these regions. Of several relays with the same cost, the relay takes a broadcast from the best region.",
      default: [],
    }),
    ...topologyFields,
    url: optionalText({
      description: "URL at which other relays dial this one, such as `https://edge-1.example:443`.",
      fallback: "other relays do not dial it",
    }),
    public_url: optionalText({
      description: "URL at which viewers reach this relay. A relay that drains or is busy sends its viewers there.",
      fallback: "`url`; with `listen` no viewer is sent to this relay",
    }),
    root: texts({
      description: "URLs of the roots. The relay registers at all of them and asks the first one that answers.",
      default: [],
    }),
    serve_root: flagField({
      description: 'Be a root as well. A relay with `role = "root"` always is one.',
      default: false,
    }),
    registry: secretText({
      description:
        'Where a root keeps its registry: `"memory"`, or a Redis or Valkey that several roots share, `redis://[user:password@]host:port/db` (`rediss://` with TLS; `valkey://` is the same). Set a URL with a password as `MOQMESH_CLUSTER_REGISTRY`, not in the file.',
      fallback: '`"memory"`',
      shown: withoutCredentials,
    }),
    registry_file: secretFile({
      of: "registry",
      loaded: true,
      description: "File with that URL.",
      fallback: "none",
      reread: AT_THE_START,
    }),
    token: secretText({
      description: "Token with the `cluster` claim, which the relay shows to roots and peers.",
      fallback: "none",
      shown: () => REDACTED,
      live: true,
    }),
    token_file: secretFile({
      of: "token",
      description: "File with that token.",
      fallback: "none",
      reread: "at each connection",
      live: true,
    }),
    key: secretText({
      description: "Private JWK with which the relay makes its own tokens. Set it as `MOQMESH_CLUSTER_KEY`.",
      fallback: "none",
      shown: () => REDACTED,
      live: true,
    }),
    key_file: secretFile({
      of: "key",
      description: "File with that key.",
      fallback: "none",
      reread: "within two seconds of its replacement",
      live: true,
    }),
    token_life: duration({
      description:
        "Life of the tokens that the relay makes with its key. Choose it longer than the clocks may differ, and short enough to limit a stolen token. The relay opens new sessions before the token of the old ones expires.",
      default: "1h",
      min: "2s",
      max: "30d",
      live: true,
    }),
    ca: optionalText({
      description: "PEM file with the authorities for certificates of roots and peers.",
      fallback: "the authorities of the system",
      live: true,
    }),
    fingerprints: texts({
      description:
        "Certificates that roots and peers may have, as SHA-256 in hexadecimal. They replace the authorities.",
      default: [],
      live: true,
    }),
    client_ca: optionalText({
      description:
        "PEM file with the authorities for certificates of relays. A relay that shows a certificate of one of them is a relay of the mesh, with or without a token, under the name in the certificate; without such a certificate a client gets no powers of a relay, whatever its token says. Use an authority that signs for nothing else. The relay loads a replaced file. This needs the native engine.",
      fallback: "relays prove by their tokens that they are of the mesh",
    }),
    client_cert: optionalText({
      description:
        "PEM file with the certificate chain that this relay shows to roots and peers. Its common name, or its first DNS name, is `node`. The relay loads a replaced file.",
      fallback: "this relay shows no certificate",
      live: true,
    }),
    client_key: secretFile({
      description: "PEM file with the key of `client_cert` (PKCS#8).",
      fallback: "none",
      reread: PAIR_REREAD,
      live: true,
    }),
    listen: optionalText({
      description:
        "Address of a listener for relays of the mesh alone, `HOST:PORT`, such as `10.0.0.5:4445`, UDP and TCP. Relays are then served there and nowhere else: the public port refuses their powers (`cluster_listener_required`). `url` must lead to it. With `client_ca` it refuses every client without a certificate. Port `0` takes any free port.",
      fallback: "relays connect to the public port",
    }),
    allow: texts({
      description:
        "Addresses and blocks, such as `10.0.0.0/8`, from which relays of the mesh may connect (`cluster_address_denied`). When empty, all may.",
      default: [],
      live: true,
    }),
    peers: texts({
      description: "Relays that this relay knows without a root, each as `NAME ROLE REGION URL`.",
      default: [],
      live: true,
    }),
    dns: texts({
      description:
        "DNS names of relays, each as `ROLE REGION URL`. Every address of the host is one relay. A host that begins with `_`, such as `_moqmesh._udp.example.com`, is resolved by SRV records. Certificates must be for the host of the URL, or for the target of the record.",
      default: [],
    }),
    dns_interval: duration({
      description: "Time after which the relay resolves the names in `dns` again. It varies by a quarter.",
      default: "10s",
      min: "1s",
      max: "1h",
    }),
    connect: secretTexts({
      description:
        "External relays that speak moq-lite, such as moq-relay. All broadcasts are exchanged in both directions. Put a token into the query of the URL.",
      default: [],
      shown: withoutCredentials,
    }),
    connect_file: secretFile({
      of: "connect",
      loaded: true,
      description: "File with these URLs, one a line.",
      fallback: "none",
      reread: AT_THE_START,
    }),
    peer_timeout: duration({
      description: "After this time of silence a relay counts as lost, and its tracks fail over to another relay.",
      default: "600ms",
      min: "100ms",
      max: "1m",
    }),
    heartbeat: duration({
      description: "Interval of the heartbeats on an idle connection between relays; at most half of `peer_timeout`.",
      default: "150ms",
      min: "20ms",
      max: "30s",
    }),
    probe_after: duration({
      description:
        "A relay from which media flows is probed after this time of silence. If it answers no probe, its tracks move to another relay before `peer_timeout` is over. `0s`: they move after `peer_timeout`. Shorter than `peer_timeout`.",
      default: "50ms",
      min: "0s",
      max: "10s",
    }),
    warm_links: integer({
      description:
        "Relays to which a connection is kept because tracks would move there if their relay failed. It carries no media before that.",
      default: 4,
      min: 0,
      max: 64,
    }),
    linger: duration({
      description: "How long a connection to a relay, or a query at a root, stays open after its last use.",
      default: "10s",
      min: "0s",
      max: "1h",
    }),
    lease: duration({
      description: "How long a root keeps the registrations of a relay that it has lost.",
      default: "10s",
      min: "1s",
      max: "10m",
    }),
    hold: duration({
      description: "How long subscriptions wait while no relay that has their broadcast can be reached.",
      default: "5s",
      min: "0s",
      max: "1m",
    }),
    redundant: paths({
      description:
        "Prefixes under which publishers without epochs send the same content to several origins, so that one origin can replace another.",
      default: [],
    }),
    hitless: paths({
      description:
        "Prefixes whose tracks this relay takes from two relays at once, so that viewers see nothing when one of the two fails: [mesh.md](mesh.md#hitless-paths). That doubles the bytes from other relays for them. Set it on edges and on regionals.",
      default: [],
      live: true,
    }),
    redirect: optionalText({
      description: "URL that this relay sends its viewers to when it drains.",
      fallback: "a relay of the same role in this region, or in the next of `regions`",
      live: true,
    }),
  },
  [
    isKeyItself("key"),
    {
      keys: ["node"],
      broken: ({ node }) =>
        node === undefined || NODE_NAME.test(node)
          ? undefined
          : "`node` is up to 63 letters, digits, dots, dashes and underscores",
    },
    {
      keys: ["registry"],
      broken: ({ registry, node, role, serve_root }) =>
        registry === undefined || (node !== undefined && (role === "root" || serve_root))
          ? undefined
          : 'only a root has a `registry`: set `role = "root"` or `serve_root = true`, or remove `registry`',
    },
    {
      keys: ["registry"],
      broken: ({ registry = "memory" }) =>
        registry === "memory" || redisAddress(registry) !== undefined
          ? undefined
          : '`registry` is "memory" or such as "redis://10.0.0.5:6379/0"',
    },
    {
      keys: ["root", "serve_root", "peers", "dns", "connect"],
      broken: ({ node, root, serve_root, peers, dns, connect }) =>
        node !== undefined || !(serve_root || root.length + peers.length + dns.length + connect.length > 0)
          ? undefined
          : "a relay of a mesh needs a name: set `node`",
    },
    {
      keys: ["token", "token_file", "key", "key_file"],
      broken: ({ token = "", token_file = "", key = "", key_file = "" }) =>
        token + token_file === "" || key + key_file === ""
          ? undefined
          : "a relay shows a token that it has, or makes its own: remove `token` and `token_file`, or `key` and `key_file`",
    },
    {
      keys: ["token", "token_file", "key", "key_file", "client_cert", "root"],
      broken: ({ token, token_file, key, key_file, client_cert, root, peers, dns }) =>
        root.length + peers.length + dns.length === 0 ||
        [token, token_file, key, key_file, client_cert].some((one) => one !== undefined)
          ? undefined
          : "relays authenticate with a token or a certificate: set `token_file`, `key_file` or `client_cert`",
    },
    {
      keys: ["listen"],
      broken: ({ listen }) =>
        listen === undefined || listenAddress(listen) !== undefined
          ? undefined
          : "`listen` is an address and a port, such as `10.0.0.5:4445` or `[fd00::5]:4445`",
    },
    { keys: ["allow"], broken: ({ allow }) => brokenBlock("allow", allow) },
    {
      keys: ["client_cert", "client_key"],
      broken: ({ client_cert, client_key }) =>
        (client_cert === undefined) === (client_key === undefined)
          ? undefined
          : `a certificate needs both \`client_cert\` and \`client_key\`; \`${client_cert === undefined ? "client_cert" : "client_key"}\` is missing`,
    },
    {
      keys: ["heartbeat", "peer_timeout"],
      broken: ({ heartbeat, peer_timeout }) =>
        heartbeat * 2 <= peer_timeout ? undefined : "`heartbeat` must be at most half of `peer_timeout`",
    },
    {
      keys: ["probe_after", "peer_timeout"],
      broken: ({ probe_after, peer_timeout }) =>
        probe_after < peer_timeout
          ? undefined
          : "`probe_after` must be shorter than `peer_timeout`, or no relay is ever probed; `0s` switches probes off",
    },
    {
      keys: ["parent_region", "region"],
      broken: ({ parent_region, region }) =>
        parent_region !== region
          ? undefined
          : "a region is not its own parent: name another region in `parent_region`, or remove the key",
    },
    each(
      ["url", "public_url"],
      ({ url, public_url }) => unless(DIALLED)([url, public_url].filter((one) => one !== undefined)),
      "expected a URL such as `https://relay.example:443`",
    ),
    each(["root"], ({ root }) => unless(DIALLED)(root), "`root` has URLs such as `https://root-1.example:443`"),
    each(
      ["connect"],
      ({ connect }) => unless(CONNECTED)(connect),
      "`connect` has URLs such as `https://relay.example/`",
    ),
    each(
      ["url", "root", "peers", "dns", "connect"],
      ({ url = "", root, peers, dns, connect }) =>
        [url, ...root, ...peers, ...dns, ...connect].filter((one) => isPlainElsewhere(one.split(" ").at(-1) ?? "")),
      "`ws:` has no TLS, so it is for this machine only: use `wss:` or `https:`",
    ),
    each(["fingerprints"], ({ fingerprints }) => unless(FINGERPRINT)(fingerprints), "expected 64 hexadecimal digits"),
    each(
      ["dns"],
      ({ dns }) => unless(DNS_ENTRY)(dns),
      `expected \`ROLE REGION URL\` with a role of ${MEDIA_ROLES.map((role) => `\`${role}\``).join(", ")}`,
    ),
    each(
      ["dns"],
      ({ dns }) => dns.filter((one) => SERVICE_PORT.test(one)),
      "a name with SRV records has no port in its URL: the records have it",
    ),
    each(["peers"], ({ peers }) => unless(STATIC_PEER)(peers), "expected `NAME ROLE REGION URL`"),
  ],
);
