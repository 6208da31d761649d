/**
 * The paths of announcements in a control session (docs/control-protocol.md).
 * - A relay announces `n/NODE/INFO` (itself), `l/NODE/LOAD`, `b/PATH/NODE` (what it holds), `r/NODE/UNTIL/TEXT` (what it revoked) and
 *   `t/NODE/REPORT` (what a tenant uses there).
 * - A root announces `n/NODE/INFO`, `l/NODE/LOAD` of one relay, `b/PATH/NODE` under a prefix, `e/PATH/NODE` for one path, `c/PATH/NODE` for other holders of the
 *   relay's own paths, `r/NODE/UNTIL/TEXT`, and `t/NODE/GRANT` (what a tenant may use at that relay).
 *
 * INFO, LOAD, REPORT and GRANT are JSON in base64url.
 */
import {
  DIALLED,
  type LoadLink,
  MAX_LOAD_LINKS,
  MAX_REVOCATION_TEXT,
  MAX_VERSION,
  type MeshRevocation,
  NODE_NAME,
  type NodeInfo,
  type NodeLoad,
  type NodeTraffic,
  ROLES,
  type Scope,
} from "./contract.ts";
import {
  decodeGrant,
  decodeReport,
  encodeGrant,
  encodeReport,
  type TenantGrant,
  type TenantReport,
} from "./tenants/index.ts";

/** The prefix that asks for revocations. */
export const REVOCATIONS = "r";

/** The prefix that asks for the load of one relay. */
export function loadPrefix(node: string): string {
  return `l/${node}`;
}

/** The prefix that asks for what tenants may use. */
export const TENANTS = "t";

const REVOCATION_TEXT = new RegExp(`^[\\w-]{1,${MAX_REVOCATION_TEXT}}$`);

export function nodePath(info: NodeInfo): string {
  const { node, hop, ...rest } = info;
  return `n/${node}/${encode({ ...rest, hop: hop.toString() })}`;
}

/** Longest text of a report, in characters. Links that do not fit are left out. */
const MAX_LOAD_TEXT = 900;

export function loadPath(node: string, { sessions, subscriptions, traffic, fullness, links }: NodeLoad): string {
  const percent = fullness === undefined ? {} : { full: Math.round(fullness * 100) };
  const fields = { sessions, subscriptions, ...traffic, ...percent };
  const all = links?.map(({ node: to, rttMs }) => [to, rttMs ?? null]) ?? [];
  let text = encode(links === undefined ? fields : { ...fields, links: all });
  while (text.length > MAX_LOAD_TEXT && all.pop() !== undefined) text = encode({ ...fields, links: all });
  return `l/${node}/${text}`;
}

export function revocationPath({ node, until, text }: MeshRevocation): string {
  return `${REVOCATIONS}/${node}/${until}/${text}`;
}

export function reportPath(node: string, report: TenantReport): string {
  return `${TENANTS}/${node}/${encode(encodeReport(report))}`;
}

/** Without a grant: the root divides the limits of tenants. */
export function grantPath(node: string, grant?: TenantGrant): string {
  return `${TENANTS}/${node}/${encode(grant === undefined ? {} : encodeGrant(grant))}`;
}

export function holdingPath(kind: "b" | "e" | "c", path: string, node: string): string {
  return path === "" ? `${kind}/${node}` : `${kind}/${path}/${node}`;
}

/** The prefix that asks for a scope. */
export function scopePrefix(scope: Scope): string {
  switch (scope.kind) {
    case "nodes":
      return "n";
    case "rivals":
      return "c";
    case "under":
      return scope.prefix === "" ? "b" : `b/${scope.prefix}`;
    case "exact":
      return scope.path === "" ? "e" : `e/${scope.path}`;
  }
}

export type ControlPath =
  | { readonly kind: "node"; readonly info: NodeInfo }
  | { readonly kind: "load"; readonly node: string; readonly load: NodeLoad }
  | { readonly kind: "revocation"; readonly revocation: MeshRevocation }
  | { readonly kind: "tenant_report"; readonly node: string; readonly report: TenantReport }
  | { readonly kind: "tenant_grant"; readonly node: string; readonly grant: TenantGrant | undefined }
  | { readonly kind: "holding"; readonly of: "b" | "e" | "c"; readonly path: string; readonly node: string };

/** Nothing for any other path. */
export function parseControlPath(text: string): ControlPath | undefined {
  const [kind = "", ...parts] = text.split("/");
  const last = parts.pop() ?? "";
  if (kind === "b" || kind === "e" || kind === "c") {
    return NODE_NAME.test(last) ? { kind: "holding", of: kind, path: parts.join("/"), node: last } : undefined;
  }
  const node = parts[0] ?? "";
  if (kind === REVOCATIONS) return parts.length === 2 ? revocationOf(node, parts[1] ?? "", last) : undefined;
  const fields = decode(last);
  if (parts.length !== 1 || !NODE_NAME.test(node) || fields === undefined) return undefined;
  if (kind === "n") return nodeOf(node, fields);
  if (kind === TENANTS) return tenantOf(node, fields);
  return kind === "l" ? loadOf(node, fields) : undefined;
}

function tenantOf(node: string, fields: Record<string, unknown>): ControlPath | undefined {
  const report = decodeReport(fields);
  if (report !== undefined) return { kind: "tenant_report", node, report };
  const grant = decodeGrant(fields);
  const none = Object.keys(fields).length === 0;
  return grant !== undefined || none ? { kind: "tenant_grant", node, grant } : undefined;
}

function revocationOf(node: string, until: string, text: string): ControlPath | undefined {
  if (!NODE_NAME.test(node) || !/^\d{1,15}$/.test(until) || !REVOCATION_TEXT.test(text)) return undefined;
  return { kind: "revocation", revocation: { node, until: Number(until), text } };
}

function nodeOf(node: string, fields: Record<string, unknown>): ControlPath | undefined {
  const { hop, role, region, parent, url, publicUrl, draining, busy, startedAt, version } = fields;
  const known = ROLES.find((one) => one === role);
  if (typeof hop !== "string" || !/^\d{1,20}$/.test(hop) || known === undefined) return undefined;
  if (typeof region !== "string" || typeof url !== "string" || typeof publicUrl !== "string") return undefined;
  if (!isDialled(url) || !isDialled(publicUrl)) return undefined;
  if (typeof draining !== "boolean" || typeof startedAt !== "number") return undefined;
  if (startedAt < 0 || startedAt > Number.MAX_SAFE_INTEGER) return undefined;
  const named = typeof version === "string" && version.length <= MAX_VERSION ? { version } : {};
  const loaded = busy === true ? { busy } : {};
  const above = typeof parent === "string" && parent !== "" ? { parent } : {};
  return {
    kind: "node",
    info: {
      node,
      hop: BigInt(hop),
      role: known,
      region,
      ...above,
      url,
      publicUrl,
      draining,
      ...loaded,
      startedAt,
      ...named,
    },
  };
}

/** A relay that no other relay dials has no URL. */
function isDialled(url: string): boolean {
  return url === "" || (DIALLED.test(url) && URL.canParse(url));
}

function loadOf(node: string, fields: Record<string, unknown>): ControlPath | undefined {
  const { sessions, subscriptions } = fields;
  if (typeof sessions !== "number" || typeof subscriptions !== "number") return undefined;
  const traffic = trafficOf(fields);
  const full = countOf(fields["full"]);
  const links = linksOf(fields["links"]);
  return {
    kind: "load",
    node,
    load: {
      sessions,
      subscriptions,
      ...(traffic && { traffic }),
      ...(full !== undefined && { fullness: full / 100 }),
      ...(links && { links }),
    },
  };
}

/** Nothing where a field is missing: the relay's version does not report it. */
function trafficOf(fields: Record<string, unknown>): NodeTraffic | undefined {
  const [viewers, broadcasts, bitsIn, bitsOut, dropped] = TRAFFIC.map((name) => countOf(fields[name]));
  if (viewers === undefined || broadcasts === undefined || dropped === undefined) return undefined;
  return bitsIn === undefined || bitsOut === undefined ? undefined : { viewers, broadcasts, bitsIn, bitsOut, dropped };
}

const TRAFFIC = ["viewers", "broadcasts", "bitsIn", "bitsOut", "dropped"] as const;

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function linksOf(value: unknown): LoadLink[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return (value as unknown[]).slice(0, MAX_LOAD_LINKS).flatMap((one) => {
    if (!Array.isArray(one)) return [];
    const [node, rttMs] = one as unknown[];
    if (typeof node !== "string" || !NODE_NAME.test(node)) return [];
    const known = typeof rttMs === "number" && Number.isFinite(rttMs) && rttMs >= 0;
    return [known ? { node, rttMs } : { node }];
  });
}

function encode(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function decode(text: string): Record<string, unknown> | undefined {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
