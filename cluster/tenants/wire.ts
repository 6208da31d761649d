/** Reports and grants as the control protocol writes them: JSON with one list of numbers for each meaning, in the order of the kinds. */
import { isCarried, type PerKind, perKind, TENANT_KINDS, type TenantGrant, type TenantReport } from "./contract.ts";

type Fields = Record<string, unknown>;

export function encodeReport({ tenant, seen, use, ceiling, limit, wants }: TenantReport): Fields {
  return { t: tenant, s: seen, u: list(use), c: list(ceiling), l: list(limit), w: wants };
}

/** Undefined for anything else, such as a report of another version. */
export function decodeReport({ t, s, u, c, l, w }: Fields): TenantReport | undefined {
  const [use, ceiling, limit] = [numbers(u), numbers(c), numbers(l)];
  if (typeof t !== "string" || !isCarried(t) || !isCount(s) || !Array.isArray(w)) return undefined;
  if (use === undefined || ceiling === undefined || limit === undefined) return undefined;
  return { tenant: t, seen: s, use, ceiling, limit, wants: TENANT_KINDS.filter((kind) => w.includes(kind)) };
}

export function encodeGrant({ tenant, number, ceiling, total }: TenantGrant): Fields {
  return { t: tenant, n: number, c: list(ceiling), a: list(total) };
}

export function decodeGrant({ t, n, c, a }: Fields): TenantGrant | undefined {
  const [ceiling, total] = [numbers(c), numbers(a)];
  if (typeof t !== "string" || !isCarried(t) || !isCount(n)) return undefined;
  return ceiling === undefined || total === undefined ? undefined : { tenant: t, number: n, ceiling, total };
}

function list(numbers: PerKind): number[] {
  return TENANT_KINDS.map((kind) => numbers[kind]);
}

/** Further numbers are those of kinds of a later version. */
function numbers(value: unknown): PerKind | undefined {
  if (!Array.isArray(value) || value.length < TENANT_KINDS.length) return undefined;
  const counts = (value as unknown[]).filter(isCount);
  return counts.length === value.length ? perKind((kind) => counts[TENANT_KINDS.indexOf(kind)] ?? 0) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
