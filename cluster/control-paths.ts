/**
 * The paths of announcements in a control session (docs/control-protocol.md).
 * - A relay announces `n/NODE/INFO` (itself), `l/NODE/LOAD`, `b/PATH/NODE` (what it holds) and `r/NODE/UNTIL/TEXT` (what it revoked).
 * - A root announces `n/NODE/INFO`, `b/PATH/NODE` under a prefix, `e/PATH/NODE` for one path, and `c/PATH/NODE` for other holders of the
 *   relay's own paths, and `r/NODE/UNTIL/TEXT`.
 *
 * INFO and LOAD are JSON in base64url.
 */
import {
  DIALLED,
  MAX_REVOCATION_TEXT,
  type MeshRevocation,
  NODE_NAME,
  type NodeInfo,
  type NodeLoad,
  ROLES,
  type Scope,
} from "./contract.ts";

/** The prefix that asks for revocations. */
export const REVOCATIONS = "r";

const REVOCATION_TEXT = new RegExp(`^[\\w-]{1,${MAX_REVOCATION_TEXT}}$`);

export function nodePath(info: NodeInfo): string {
  const { node, hop, ...rest } = info;
  return `n/${node}/${encode({ ...rest, hop: hop.toString() })}`;
}

export function loadPath(node: string, load: NodeLoad): string {
  return `l/${node}/${encode(load)}`;
}

export function revocationPath({ node, until, text }: MeshRevocation): string {
  return `${REVOCATIONS}/${node}/${until}/${text}`;
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
  return kind === "l" ? loadOf(node, fields) : undefined;
}

function revocationOf(node: string, until: string, text: string): ControlPath | undefined {
  if (!NODE_NAME.test(node) || !/^\d{1,15}$/.test(until) || !REVOCATION_TEXT.test(text)) return undefined;
  return { kind: "revocation", revocation: { node, until: Number(until), text } };
}

function nodeOf(node: string, fields: Record<string, unknown>): ControlPath | undefined {
  const { hop, role, region, url, publicUrl, draining, startedAt } = fields;
  const known = ROLES.find((one) => one === role);
  if (typeof hop !== "string" || !/^\d{1,20}$/.test(hop) || known === undefined) return undefined;
  if (typeof region !== "string" || typeof url !== "string" || typeof publicUrl !== "string") return undefined;
  if (!isDialled(url) || !isDialled(publicUrl)) return undefined;
  if (typeof draining !== "boolean" || typeof startedAt !== "number") return undefined;
  if (startedAt < 0 || startedAt > Number.MAX_SAFE_INTEGER) return undefined;
  return {
    kind: "node",
    info: { node, hop: BigInt(hop), role: known, region, url, publicUrl, draining, startedAt },
  };
}

/** A relay that no other relay dials has no URL. */
function isDialled(url: string): boolean {
  return url === "" || (DIALLED.test(url) && URL.canParse(url));
}

function loadOf(node: string, { sessions, subscriptions }: Record<string, unknown>): ControlPath | undefined {
  if (typeof sessions !== "number" || typeof subscriptions !== "number") return undefined;
  return { kind: "load", node, load: { sessions, subscriptions } };
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
