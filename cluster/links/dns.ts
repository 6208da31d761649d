import { type NodeInfo, ROLES } from "../contract.ts";

/** Targets of one service that are resolved: as many as relays that fit. */
const MAX_TARGETS = 256;

/** A name in the configuration with relays under it. */
export interface DnsEntry {
  readonly role: NodeInfo["role"];
  readonly region: string;
  readonly url: URL;
}

/** Resolves names. Both methods reject when there is no answer or no record. */
export interface Resolver {
  /** IPv4 and IPv6 addresses; an address resolves to itself. */
  addresses(host: string): Promise<readonly string[]>;
  services(name: string): Promise<readonly { readonly host: string; readonly port: number }[]>;
}

/** Names written as `ROLE REGION URL`. Throws a `RangeError` for any other line. */
export function dnsEntries(lines: readonly string[]): DnsEntry[] {
  return lines.map((line) => {
    const [named, region = "", url = ""] = line.split(" ");
    const role = ROLES.find((one) => one === named);
    if (role === undefined || !URL.canParse(url)) throw new RangeError(`"${line}" is not ROLE REGION URL`);
    return { role, region, url: new URL(url) };
  });
}

/** Whether the name has SRV records (RFC 2782) rather than addresses. */
export function isService({ url }: DnsEntry): boolean {
  return url.hostname.startsWith("_");
}

/**
 * The relays under a name: one for each address, without a hop id, named after the address. Where some hosts cannot be resolved and
 * others can, the relays of those hosts in `before` are kept.
 */
export async function lookUp(
  entry: DnsEntry,
  resolver: Resolver,
  before: Iterable<NodeInfo>,
): Promise<ReadonlyMap<string, NodeInfo>> {
  const urls = isService(entry) ? await services(entry, resolver) : [entry.url];
  const answers = await Promise.allSettled(urls.map((url) => resolver.addresses(withoutBrackets(url.hostname))));
  const found = new Map<string, NodeInfo>();
  for (const [i, url] of urls.entries()) {
    const answer = answers[i];
    if (answer?.status === "fulfilled") {
      for (const address of answer.value) {
        const info = nodeAt(entry, url, address);
        found.set(info.node, info);
      }
    } else {
      for (const info of before) if (info.url === url.href) found.set(info.node, info);
    }
  }
  const failed = answers.find((answer) => answer.status === "rejected");
  if (failed !== undefined && answers.every(({ status }) => status === "rejected")) throw failed.reason;
  if (found.size === 0) throw new Error("no record");
  return found;
}

async function services({ url }: DnsEntry, resolver: Resolver): Promise<URL[]> {
  const records = await resolver.services(url.hostname);
  return records.slice(0, MAX_TARGETS).map(({ host, port }) => {
    const at = new URL(url);
    at.hostname = host.replace(/\.$/, "");
    at.port = String(port);
    return at;
  });
}

function nodeAt({ role, region }: DnsEntry, url: URL, address: string): NodeInfo {
  const node = `dns-${address.replaceAll(":", "-")}-${url.port === "" ? "443" : url.port}`;
  const literal = withoutBrackets(url.hostname) === address;
  return {
    node,
    hop: 0n,
    role,
    region,
    url: url.href,
    ...(!literal && { address }),
    // The relay itself registers its public URL at the roots.
    publicUrl: "",
    draining: false,
    startedAt: 0,
  };
}

/** URLs put IPv6 addresses in brackets, names do not. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
