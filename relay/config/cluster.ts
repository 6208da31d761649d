import { DIALLED, MEDIA_ROLES, NODE_NAME, ROLES } from "../../cluster/index.ts";
import {
  choice,
  duration,
  flagField,
  integer,
  optionalText,
  paths,
  REDACTED,
  secretText,
  secretTexts,
  text,
  texts,
  withoutCredentials,
} from "./fields.ts";
import { redisAddress } from "./registry.ts";
import { type Rule, section } from "./section.ts";

/** Foreign relays may need their token in the query. */
const CONNECTED = /^(https|wss|ws|moql):\/\/[^\s#]+$/;

/** Of a certificate, as other tools print it. */
const FINGERPRINT = /^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i;

/** A relay that configuration names. */
const STATIC_PEER = new RegExp(`^\\S+ (${ROLES.join("|")}) \\S+ \\S+$`);

/** Relays under a name. */
const DNS_ENTRY = new RegExp(`^(${MEDIA_ROLES.join("|")}) \\S+ ${DIALLED.source.slice(1)}`);

/** The ports of a service are in its records. */
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

/** Without `node` a relay is alone. */
export const clusterSection = section(
  "cluster",
  "The mesh that the relay belongs to: see [mesh.md](mesh.md). Without `node` it stands alone.",
  {
    node: optionalText({ description: "Name of this relay, unique in the mesh.", fallback: "no mesh" }),
    role: choice(ROLES, {
      description:
        "`origin` takes publishers, `regional` gathers what the edges of its region ask for, `edge` serves viewers, `root` is a registry.",
      default: "origin",
    }),
    region: text({
      description: "Relays of one region are near to each other: an edge takes the regionals of its own.",
      default: "default",
    }),
    regions: texts({
      description:
        "Other regions, best first, for where nobody can be had in this relay's own: regionals of an edge (of regions that are not named it takes none), relays that viewers are sent to, and who a broadcast is taken from among those with the same cost.",
      default: [],
    }),
    url: optionalText({
      description: "Where other relays dial this one, such as `https://edge-1.example:443`.",
      fallback: "it is not dialled by others",
    }),
    public_url: optionalText({
      description: "Where viewers reach this relay, for those whom a draining relay sends here.",
      fallback: "`url`",
    }),
    root: texts({
      description: "URLs of the roots. The relay registers at each and asks the first one that answers.",
      default: [],
    }),
    serve_root: flagField({
      description: 'Be a root besides what `role` says. A relay with `role = "root"` is one anyway.',
      default: false,
    }),
    registry: secretText({
      description:
        'Where a root keeps what it knows: `"memory"`, or a Redis or Valkey that several roots share, `redis://[user:password@]host:port/db` (`rediss://` with TLS; `valkey://` is the same). A password is better given as `MOQMESH_CLUSTER_REGISTRY`.',
      fallback: '`"memory"`',
      shown: withoutCredentials,
    }),
    token: secretText({
      description: "Token with the `cluster` claim, shown to roots and peers.",
      fallback: "none",
      shown: () => REDACTED,
    }),
    token_file: optionalText({
      description: "File that holds the token; read again at each connection.",
      fallback: "none",
    }),
    key_file: optionalText({
      description: "File with a private JWK: the relay makes its own tokens.",
      fallback: "none",
    }),
    token_life: duration({
      description:
        "How long a token holds that the relay makes with `key_file`: long beside clocks that are off, short beside a theft. Sessions are made anew in time.",
      default: "1h",
      min: "2s",
      max: "30d",
    }),
    ca: optionalText({
      description: "PEM file of the authorities that certificates of roots and peers must chain to.",
      fallback: "those of the system",
    }),
    fingerprints: texts({
      description: "SHA-256 of the certificates that roots and peers may have, in hexadecimal, instead of authorities.",
      default: [],
    }),
    peers: texts({
      description: "Relays that are known without a root, each as `NAME ROLE REGION URL`.",
      default: [],
      live: true,
    }),
    dns: texts({
      description:
        "Names of relays, each as `ROLE REGION URL`: every address that the host has is a relay there. A host that begins with `_`, such as `_moqmesh._udp.example.com`, has SRV records. The URL's host, or the record's target, is what certificates must be for.",
      default: [],
    }),
    dns_interval: duration({
      description: "Time between two looks at the names in `dns`, more or less a quarter.",
      default: "10s",
      min: "1s",
      max: "1h",
    }),
    connect: secretTexts({
      description:
        "Other relays that speak moq-lite, such as moq-relay, to exchange all broadcasts with, both ways. Their tokens go into the query.",
      default: [],
      shown: withoutCredentials,
    }),
    peer_timeout: duration({
      description:
        "A relay that was silent for this long is taken for gone, and what came from it is taken from another.",
      default: "600ms",
      min: "100ms",
      max: "1m",
    }),
    heartbeat: duration({
      description: "Time between two signs of life on a quiet connection between relays; well under `peer_timeout`.",
      default: "150ms",
      min: "20ms",
      max: "30s",
    }),
    linger: duration({
      description: "How long a connection to a relay, and what was asked of a root, stay after their last use.",
      default: "10s",
      min: "0s",
      max: "1h",
    }),
    lease: duration({
      description: "How long a root keeps what a relay registered after it lost the relay.",
      default: "10s",
      min: "1s",
      max: "10m",
    }),
    hold: duration({
      description: "How long viewers are kept while no relay can be reached that has what they watch.",
      default: "5s",
      min: "0s",
      max: "1m",
    }),
    cost: integer({
      description:
        "Added to the cost of every broadcast that is published here: of two origins with the same content the cheaper one is taken.",
      default: 0,
      min: 0,
      max: 1_000_000,
    }),
    redundant: paths({
      description:
        "Prefixes under which publishers that tell no epoch send the same content to several origins, so that each can stand in for the other.",
      default: [],
    }),
    redirect: optionalText({
      description: "Where viewers are sent when this relay drains.",
      fallback: "another relay of the same role, of this region or the next in `regions`",
      live: true,
    }),
  },
  [
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
          : 'only a root has a `registry`: `role = "root"` or `serve_root = true` is missing',
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
          : "a relay of a mesh needs a name: `node` is missing",
    },
    {
      keys: ["token", "token_file", "key_file"],
      broken: ({ token, token_file, key_file }) =>
        [token, token_file, key_file].filter((one) => one !== undefined).length <= 1
          ? undefined
          : "only one of `token`, `token_file` and `key_file` can be used",
    },
    {
      keys: ["token", "token_file", "key_file", "root"],
      broken: ({ token, token_file, key_file, root, peers, dns }) =>
        root.length + peers.length + dns.length === 0 || [token, token_file, key_file].some((one) => one !== undefined)
          ? undefined
          : "relays know each other by a token: one of `token`, `token_file` and `key_file` is missing",
    },
    {
      keys: ["heartbeat", "peer_timeout"],
      broken: ({ heartbeat, peer_timeout }) =>
        heartbeat * 2 <= peer_timeout ? undefined : "`heartbeat` must be at most half of `peer_timeout`",
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
    each(["fingerprints"], ({ fingerprints }) => unless(FINGERPRINT)(fingerprints), "expected 64 hexadecimal digits"),
    each(
      ["dns"],
      ({ dns }) => unless(DNS_ENTRY)(dns),
      `expected \`ROLE REGION URL\` with a role of ${MEDIA_ROLES.map((role) => `\`${role}\``).join(", ")}`,
    ),
    each(
      ["dns"],
      ({ dns }) => dns.filter((one) => SERVICE_PORT.test(one)),
      "the ports of a name with SRV records are in these",
    ),
    each(["peers"], ({ peers }) => unless(STATIC_PEER)(peers), "expected `NAME ROLE REGION URL`"),
  ],
);
