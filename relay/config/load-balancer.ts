import { isIP } from "node:net";
import { FORWARDED_FIELDS, PROXY_PROTOCOLS } from "../../transport/proxied/index.ts";
import { brokenBlock } from "./auth.ts";
import { choice, flagField, integer, optionalText, REDACTED, secretFile, secretText, texts } from "./fields.ts";
import { section } from "./section.ts";

/** Bytes of a QUIC connection id besides its first, at most (RFC 9000 section 17.2). */
const CONNECTION_ID_BYTES = 19;

/** Bytes of a nonce, at least (draft-ietf-quic-load-balancers-21 section 5.3). */
const MIN_NONCE_BYTES = 4;

const MAX_SERVER_ID_BYTES = CONNECTION_ID_BYTES - MIN_NONCE_BYTES;

/** The bytes of a server id such as `0x00000000000000a1`; undefined when it is none. */
export function serverIdBytes(text: string): Uint8Array | undefined {
  const digits = text.replace(/^0x/i, "");
  if (!/^([\da-f]{2})+$/i.test(digits) || digits.length > 2 * MAX_SERVER_ID_BYTES) return undefined;
  return Buffer.from(digits, "hex");
}

/** The host and port of an address such as `203.0.113.5:443` or `[2001:db8::5]:443`; undefined when it is none. */
function addressFamily(text: string): 4 | 6 | undefined {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  const family = isIP(v6 ?? v4 ?? "");
  return (v6 === undefined ? 4 : 6) === family ? family : undefined;
}

export const loadBalancerSection = section(
  "load_balancer",
  "Load balancers, proxies and anycast in front of the relay: a QUIC client reaches the same relay again when its address changes, and a client behind a proxy of TCP counts by its own address.",
  {
    server_id: optionalText({
      description: `Server id of this relay in hexadecimal digits, 1 to ${MAX_SERVER_ID_BYTES} bytes: every connection id tells it to the load balancer (QUIC-LB). Each relay behind one load balancer needs another one, all of the same length. AWS wants 8 bytes: the \`QuicServerId\` of the target.`,
      fallback: "connection ids tell nothing",
    }),
    nonce_length: integer({
      description: `Bytes after the server id that keep connection ids apart. Together they have at most ${CONNECTION_ID_BYTES}. The same for all relays behind one load balancer.`,
      default: 8,
      min: MIN_NONCE_BYTES,
      max: CONNECTION_ID_BYTES - 1,
    }),
    rotation: integer({
      description:
        "Number of the configuration that the load balancer knows `server_id`, `nonce_length` and `key` by. New values get a new number.",
      default: 0,
      min: 0,
      max: 6,
    }),
    key: secretText({
      description:
        "The 16 bytes, as 32 hexadecimal digits, that encrypt server ids. All relays and the load balancer have the same. AWS reads server ids that are not encrypted. Set it as `MOQMESH_LOAD_BALANCER_KEY`.",
      fallback: "everyone on the path can read the server id, and so link the addresses of a client that moves",
      shown: () => REDACTED,
    }),
    key_file: secretFile({
      of: "key",
      loaded: true,
      description: "File with that key.",
      fallback: "none",
      reread: "at the start",
    }),
    preferred_address: texts({
      description:
        "Addresses with ports of this relay alone, at most one of IPv4 and one of IPv6, such as `203.0.113.5:443`. Clients that support it (RFC 9000 section 9.6) go on there after their handshake, so that a change of the anycast route does not cut them. The relay must receive there what is sent to its public port.",
      default: [],
    }),
    trusted_proxies: texts({
      description:
        'Addresses and networks of proxies in front of the TCP ports, such as `["10.0.3.0/24"]`. The relay believes them alone who their clients are: limits for each address, `[auth] allow` and `deny`, logs, the audit and the list of sessions then have the address of the client.',
      default: [],
    }),
    proxy_protocol: choice(PROXY_PROTOCOLS, {
      description:
        "PROXY protocol of HAProxy, versions 1 and 2, on the public port of TCP, before TLS. `from_proxies`: a connection of a trusted proxy must begin with its header within 3 s, and any other connection must not. `required`: other connections are closed as well, except those of this machine. Health checks that send no header need `[http] health_port`.",
      default: "off",
    }),
    admin_proxy_protocol: flagField({
      description:
        "The same at the admin listener. A program of this machine must send the header there too where `trusted_proxies` has a loopback address.",
      default: false,
    }),
    forwarded: choice(["off", ...FORWARDED_FIELDS], {
      description:
        "Field in which proxies of HTTP name their clients, on the public port and the admin listener. The client is the last address in it that is not in `trusted_proxies`. Name only a field that every trusted proxy writes: it passes on the others as the client sent them.",
      default: "off",
    }),
  },
  [
    { keys: ["trusted_proxies"], broken: ({ trusted_proxies }) => brokenBlock("trusted_proxies", trusted_proxies) },
    {
      keys: ["proxy_protocol", "trusted_proxies"],
      broken: ({ proxy_protocol, trusted_proxies }) =>
        proxy_protocol !== "off" && trusted_proxies.length === 0
          ? "`proxy_protocol` needs the addresses of the proxies: set `trusted_proxies`"
          : undefined,
    },
    {
      keys: ["forwarded", "trusted_proxies"],
      broken: ({ forwarded, trusted_proxies }) =>
        forwarded !== "off" && trusted_proxies.length === 0
          ? "`forwarded` needs the addresses of the proxies: set `trusted_proxies`"
          : undefined,
    },
    {
      keys: ["admin_proxy_protocol", "proxy_protocol"],
      broken: ({ admin_proxy_protocol, proxy_protocol }) =>
        admin_proxy_protocol && proxy_protocol === "off" ? "`admin_proxy_protocol` needs `proxy_protocol`" : undefined,
    },
    {
      keys: ["server_id"],
      broken: ({ server_id }) =>
        server_id !== undefined && serverIdBytes(server_id) === undefined
          ? `must be 1 to ${MAX_SERVER_ID_BYTES} bytes in hexadecimal digits, such as "0x00000000000000a1"`
          : undefined,
    },
    {
      keys: ["nonce_length", "server_id"],
      broken: ({ server_id, nonce_length }) =>
        (serverIdBytes(server_id ?? "")?.length ?? 0) + nonce_length > CONNECTION_ID_BYTES
          ? `\`server_id\` and \`nonce_length\` have more than ${CONNECTION_ID_BYTES} bytes together`
          : undefined,
    },
    {
      keys: ["key"],
      broken: ({ server_id, key }) => {
        if (key === undefined) return undefined;
        if (server_id === undefined) return "needs `server_id`: nothing else is encrypted";
        return /^[\da-f]{32}$/i.test(key) ? undefined : "must be 32 hexadecimal digits";
      },
    },
    {
      keys: ["preferred_address"],
      broken: ({ preferred_address }) => {
        const families = preferred_address.map(addressFamily);
        const bad = preferred_address[families.indexOf(undefined)];
        if (bad !== undefined) return `${JSON.stringify(bad)} is not an IP address with a port`;
        return new Set(families).size < families.length ? "has two addresses of the same family" : undefined;
      },
    },
  ],
);
