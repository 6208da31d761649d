/** IP addresses and blocks of addresses. */
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Bits of an IPv6 address that identify a customer: one network gets a /64. */
const IPV6_BITS = 64;

/** Parses an IP address; IPv4 inside IPv6 becomes IPv4. Undefined for other text. */
function parse(text: string): Address | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

/** The key under which limits of an address are counted: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(address: string): string {
  const parsed = parse(address);
  if (parsed === undefined || parsed.kind() === "ipv4") return parsed?.toString() ?? address;
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${IPV6_BITS}`).toString();
}

export function isLoopback(address: string): boolean {
  return parse(address)?.range() === "loopback";
}

/** Blocks of addresses, such as `10.0.0.0/8`, `2001:db8::/32` or a single address. */
export class Networks {
  readonly #blocks: readonly [Address, number][];

  /** Throws a `RangeError` for text that is not a block. */
  constructor(blocks: readonly string[]) {
    this.#blocks = blocks.map(parseBlock);
  }

  has(address: string): boolean {
    const parsed = parse(address);
    return (
      parsed !== undefined &&
      this.#blocks.some(([net, bits]) => net.kind() === parsed.kind() && parsed.match(net, bits))
    );
  }
}

/** Throws a `RangeError` for text that is not a block. */
export function parseBlock(text: string): [Address, number] {
  try {
    if (text.includes("/")) return ipaddr.parseCIDR(text);
    const address = ipaddr.process(text);
    return [address, address.kind() === "ipv4" ? 32 : 128];
  } catch {
    throw new RangeError(`"${text}" is neither an IP address nor a block such as "10.0.0.0/8"`);
  }
}
