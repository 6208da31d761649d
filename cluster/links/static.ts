import { NODE_NAME, type NodeInfo, ROLES } from "../contract.ts";

/** Relays written as `NAME ROLE REGION URL`. Throws a `RangeError` for any other line. */
export function staticPeers(lines: readonly string[]): NodeInfo[] {
  return lines.map((line) => {
    const [node = "", named, region = "", url = ""] = line.split(" ");
    const role = ROLES.find((one) => one === named);
    if (!NODE_NAME.test(node) || role === undefined || !URL.canParse(url)) {
      throw new RangeError(`"${line}" is not NAME ROLE REGION URL`);
    }
    return { node, hop: 0n, role, region, url, publicUrl: url, draining: false, startedAt: 0 };
  });
}
