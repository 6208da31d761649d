import { Resolver as Dns } from "node:dns/promises";
import { isIP } from "node:net";
import type { Resolver } from "../../cluster/index.ts";

/** Milliseconds for one try, and tries, of one name server. */
const TRY_MS = 2_000;
const TRIES = 2;

/** Asks the system's name servers, or `servers` (`ADDRESS` or `ADDRESS:PORT`). It reads neither search domains nor hosts files. */
export function dnsResolver(servers?: readonly string[]): Resolver {
  const dns = new Dns({ timeout: TRY_MS, tries: TRIES });
  if (servers !== undefined) dns.setServers(servers);
  return {
    addresses: async (host) => {
      if (isIP(host) !== 0) return [host];
      const answers = await Promise.allSettled([dns.resolve4(host), dns.resolve6(host)]);
      const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
      const failed = answers.find((answer) => answer.status === "rejected");
      // A family without records is an error as well.
      if (found.length === 0 && failed !== undefined) throw failed.reason;
      return found;
    },
    services: async (name) => (await dns.resolveSrv(name)).map(({ name: host, port }) => ({ host, port })),
  };
}
