import * as z from "zod";
import { type Operation, operation, type RelayView } from "../http/index.ts";

const reason = z.object({
  code: z.string().describe("Stable name; docs/operations.md has a section for each."),
  message: z.string().describe("For people; it may change."),
  since: z.iso.datetime(),
});

const healthSchema = z.object({
  ready: z.boolean().describe("The relay should get new clients."),
  live: z.boolean().describe("False only when a restart helps."),
  reasons: z.array(reason).describe("Why the relay is not ready; empty when it is."),
  warnings: z.array(reason).describe("Conditions that do not change readiness, and that an operator should mend."),
  checks: z.array(
    z.object({
      code: z.string(),
      severity: z.enum(["not_ready", "warning"]),
      state: z.enum(["unknown", "ok", "failing"]).describe("Damped: several results in a row change it."),
      message: z.string().optional().describe("What the last run found; absent where it found nothing wrong."),
      since: z.iso.datetime().optional(),
      age_seconds: z.number().optional().describe("Since the last result."),
    }),
  ),
});

/** The health of the relay with all its checks. Answered from memory: no check runs on request. */
export function healthOperations(view: RelayView): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/health",
        right: "read",
        tag: "health",
        id: "getHealth",
        summary: "Readiness with its reasons, warnings, and every check with its state and age.",
        query: z.strictObject({}),
        answer: healthSchema,
      },
      () => {
        const { ready, live, reasons, warnings, checks } = view.health();
        return {
          ready,
          live,
          reasons: reasons.map(dated),
          warnings: warnings.map(dated),
          checks: checks.map(({ code, severity, state, message, since, ageMs }) => ({
            code,
            severity,
            state,
            ...(message !== undefined && { message }),
            ...(since !== undefined && { since: iso(since) }),
            ...(ageMs !== undefined && { age_seconds: Math.round(ageMs) / 1000 }),
          })),
        };
      },
    ),
  ];
}

function dated<T extends { readonly since: number }>(one: T): Omit<T, "since"> & { since: string } {
  return { ...one, since: iso(one.since) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
