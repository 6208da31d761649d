import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { TransportError } from "../../moq/link.ts";

/** The IP address of a host to listen on. Rejects with {@link TransportError} `bind_failed`. */
export async function resolveHost(host: string): Promise<string> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return bare;
  try {
    return (await lookup(bare)).address;
  } catch (cause) {
    throw new TransportError("bind_failed", `the host "${host}" has no address`, { cause });
  }
}
