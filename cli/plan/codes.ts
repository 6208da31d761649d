/** Codes of what is wrong with a request for a plan. They are stable. */
export const PLAN_MEANINGS = new Map([
  ["plan_viewers", "`--viewers` is missing, or is no number of viewers."],
  ["plan_bitrate", "`--bitrate` is missing, or is no bitrate."],
  ["plan_frames", "`--frames` or `--groups` is out of range, or there are more groups than frames."],
  ["plan_regions", "`--regions` is neither a number of regions nor a list of them, or a region has no location."],
  ["plan_cloud", "`--cloud` or `--architecture` is unknown."],
  ["plan_broadcasts", "`--broadcasts` or `--viewers-per-broadcast` is out of range, or both are given."],
  [
    "plan_machine",
    "A size is unknown, or cores, memory or network of a machine are out of range or do not belong to this cloud.",
  ],
  ["plan_share", "`--headroom` or `--average` is no percentage in its range, or `--core-speed` is out of range."],
  ["plan_survive", "`--survive` is unknown, or the loss of a region cannot be survived with a single one."],
  ["plan_price", "A price is not a number from 0."],
  ["plan_domain", "`--domain` or `--name` cannot be a part of host names."],
  ["plan_output", "More than one of `--json` and `--tfvars` is given."],
  ["plan_machine_too_small", "One relay on this machine cannot carry even one viewer of these broadcasts."],
  ["plan_broadcast_too_wide", "One broadcast goes to more relays than one machine can send it to."],
  [
    "plan_too_many_relays",
    "A region needs more relays of a tier than the topology allows; larger machines need fewer.",
  ],
] as const);

export type PlanCode = typeof PLAN_MEANINGS extends ReadonlyMap<infer Code, string> ? Code : never;

export interface PlanProblem {
  readonly code: PlanCode;
  /** A sentence: what is wrong, and what to do. */
  readonly message: string;
}

/** No plan can be made. */
export class PlanError extends Error {
  override readonly name = "PlanError";
  readonly problems: readonly PlanProblem[];

  constructor(problems: readonly PlanProblem[]) {
    super(problems.map(({ code, message }) => `${message} [${code}]`).join("\n"));
    this.problems = problems;
  }
}
