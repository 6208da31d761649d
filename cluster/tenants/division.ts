/** How a root divides one limit of one tenant between the relays that serve the tenant. Pure arithmetic. */

/** What one relay has of one limit. */
export interface Claim {
  /** What it uses. */
  readonly use: number;
  /** What it may use at most, by the last grant that it follows or is about to follow. */
  readonly ceiling: number;
  /** What it may come to use before it follows another grant; what a count uses already is held as well. */
  readonly held: number;
  /** The limit as that relay has it; 0 is no bound. */
  readonly limit: number;
  /** It had to refuse something. */
  readonly wants: boolean;
}

/** Sums over the claims on one limit. Changed with each grant, so that what is granted first is there for no other. */
export interface Sums {
  readonly relays: number;
  readonly use: number;
  /** What all relays together may come to use. */
  held: number;
  /** What this root has given of it so recently that other roots may not know. */
  recent: number;
  /** The part of the relays that ask this root: 1 where no relay asks another one. */
  readonly part: number;
}

export function sumsOf(claims: readonly Claim[], part: number, recent: number): Sums {
  const use = claims.reduce((sum, claim) => sum + claim.use, 0);
  return { relays: claims.length, use, held: claims.reduce((sum, claim) => sum + claim.held, 0), recent, part };
}

/**
 * What this root may give now of what no relay holds. Where relays ask several roots, each root gives no more than its part until the others
 * know of it; of the last places, which make no part, it gives one.
 */
function room(limit: number, { held, recent, part }: Sums): number {
  const unheld = Math.max(0, limit - held);
  if (part >= 1) return unheld;
  const mine = Math.floor((unheld + recent) * part) - recent;
  return Math.min(unheld, mine > 0 || recent > 0 ? Math.max(0, mine) : 1);
}

/**
 * The ceiling of a count for one relay: what it uses, and an equal share of what no relay uses. One share stays for a relay that the
 * tenant comes to next. A relay that had to refuse something gets one place of the last ones, which make no share. A raise takes no more
 * than what no relay holds, so that `held` never exceeds the limit.
 */
export function countCeiling(claim: Claim, sums: Sums): number {
  const free = Math.max(0, claim.limit - sums.use);
  const share = Math.floor(free / (sums.relays + 1));
  const target = claim.use + (share === 0 && claim.wants && free > 0 ? 1 : share);
  const { held } = claim;
  if (target <= held) return target;
  return Math.min(target, held + room(claim.limit, sums));
}

/**
 * The ceilings of a rate, in the order of the claims: each relay gets what it uses while that is no more than an equal part of the limit;
 * what is left is divided equally, and one part of that stays for a relay that the tenant comes to next. A relay that is held back counts
 * as one that uses any rate.
 */
export function rateTargets(claims: readonly Claim[], limit: number): number[] {
  const demands = claims.map(({ use, wants }) => (wants ? Number.POSITIVE_INFINITY : use));
  const order = demands.map((demand, at) => ({ demand, at })).sort((a, b) => (a.demand < b.demand ? -1 : 1));
  const targets = claims.map(() => 0);
  let left = limit;
  for (const [n, { demand, at }] of order.entries()) {
    const given = Math.min(demand, left / (order.length - n));
    targets[at] = given;
    left -= given;
  }
  const share = left / (claims.length + 1);
  return targets.map((target) => Math.floor(target + share));
}

/** A rate's ceiling on its way to `target`: it is lowered at once, and raised by no more than what no relay holds. */
export function rateCeiling(claim: Claim, target: number, sums: Sums): number {
  const { held } = claim;
  if (target <= held) return target;
  return Math.min(target, held + room(claim.limit, sums));
}

/** The root sends a ceiling again when less than half of the headroom that the relay should have is left, or more than twice as much. */
export function isWorthTelling(claim: Claim, next: number, scarce: boolean): boolean {
  if (next === claim.ceiling) return false;
  if (claim.wants || (scarce && next < claim.ceiling)) return true;
  const [now, then] = [claim.ceiling - claim.use, next - claim.use];
  return now < then / 2 || now > 2 * then + 1;
}

/** Likewise a rate: when it changes by a tenth. */
export function isRateWorthTelling(claim: Claim, next: number): boolean {
  return Math.abs(next - claim.ceiling) > Math.max(next, claim.ceiling) / 10;
}
