/** How relays and holdings are written into a backend and read back. Anything in another form is ignored. */
import { sameAdvertisement } from "../../moq/model/index.ts";
import type { Holding, NodeInfo } from "../contract.ts";
import { nodePath, parseControlPath } from "../control-paths.ts";
import type { NodeChange } from "./contract.ts";

/** Longest value that is read, in UTF-16 units: a path, its hops, and a margin. */
const MAX_VALUE = 8_192;
const MAX_PATH = 1_024;
const MAX_HOPS = 64;
/** Longest message that is read: a whole batch. */
const MAX_MESSAGE = 4 * 1024 * 1024;

const NUMBER = /^\d{1,20}$/;

export const encodeInfo = nodePath;

export function decodeInfo(node: string, text: unknown): NodeInfo | undefined {
  if (typeof text !== "string" || text.length > MAX_VALUE) return undefined;
  const parsed = parseControlPath(text);
  return parsed?.kind === "node" && parsed.info.node === node ? parsed.info : undefined;
}

export function encodeHolding({ epoch, hops, cost, ended }: Holding): string {
  return JSON.stringify([epoch.toString(), hops.map(String), cost, Number(ended)]);
}

export function decodeHolding(node: string, path: string, text: unknown): Holding | undefined {
  if (typeof text !== "string" || text.length > MAX_VALUE || path.length > MAX_PATH) return undefined;
  const fields = parse(text);
  if (!Array.isArray(fields) || fields.length !== 4) return undefined;
  const [epoch, hops, cost, ended] = fields as unknown[];
  if (typeof epoch !== "string" || !NUMBER.test(epoch) || BigInt(epoch) === 0n) return undefined;
  if (!Array.isArray(hops) || hops.length > MAX_HOPS) return undefined;
  const ids: bigint[] = [];
  for (const hop of hops as unknown[]) {
    if (typeof hop !== "string" || !NUMBER.test(hop)) return undefined;
    ids.push(BigInt(hop));
  }
  if (typeof cost !== "number" || !Number.isSafeInteger(cost) || cost < 0 || (ended !== 0 && ended !== 1))
    return undefined;
  return { path, node, epoch: BigInt(epoch), hops: ids, cost, ended: ended === 1 };
}

/** A message between roots. `writer` is the root that sends it. */
export function encodeChange(writer: string, { info, holdings, released }: NodeChange): string {
  const put = holdings.map((holding) => [holding.path, encodeHolding(holding)]);
  return JSON.stringify([writer, info.node, encodeInfo(info), put, released]);
}

export function decodeChange(text: string): { writer: string; change: NodeChange } | undefined {
  const fields = text.length > MAX_MESSAGE ? undefined : parse(text);
  if (!Array.isArray(fields) || fields.length !== 5) return undefined;
  const [writer, node, infoText, put, released] = fields as unknown[];
  if (typeof writer !== "string" || typeof node !== "string") return undefined;
  const info = decodeInfo(node, infoText);
  if (info === undefined || !Array.isArray(put) || !Array.isArray(released)) return undefined;
  const holdings: Holding[] = [];
  for (const pair of put as unknown[]) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string") return undefined;
    const holding = decodeHolding(node, pair[0], pair[1]);
    if (holding === undefined) return undefined;
    holdings.push(holding);
  }
  const gone: string[] = [];
  for (const path of released as unknown[]) {
    if (typeof path !== "string") return undefined;
    gone.push(path);
  }
  return { writer, change: { info, holdings, released: gone } };
}

export function sameHolding(a: Holding | undefined, b: Holding | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameAdvertisement(a, b);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
