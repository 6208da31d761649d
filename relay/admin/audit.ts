import * as z from "zod";
import { type Audit, type Operation, operation, page, pageOf, pageShape } from "../http/index.ts";

const entry = z.object({
  at: z.iso.datetime(),
  actor: z.string(),
  address: z.string(),
  action: z.string(),
  target: z.string().describe("The path of the request under `/api/v1`, with its parameters."),
  about: z
    .string()
    .optional()
    .describe("Names of what the body of the request changes, such as keys of the configuration."),
  status: z.int(),
  code: z.string().optional(),
});

/** What operators have done lately. */
export function auditOperations(audit: Audit): Operation[] {
  return [
    operation(
      {
        method: "get",
        path: "/audit",
        right: "read",
        tag: "audit",
        id: "listAudit",
        summary: "The last requests that acted, newest first.",
        query: z.strictObject(pageShape),
        answer: pageOf(entry),
      },
      ({ query }) => {
        const { total, items } = page(audit.entries, query);
        return { total, items: items.map((one) => ({ ...one, at: new Date(one.at).toISOString() })) };
      },
    ),
  ];
}
