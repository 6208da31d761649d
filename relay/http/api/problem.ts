import { z } from "zod";

/** The status codes with which an operation may fail. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503 | 507;

/** The body of every answer that is not a success. */
export const problemSchema = z.object({
  error: z.object({
    code: z.string().describe("Stable name, lower snake case."),
    message: z.string().describe("For people; it may change."),
  }),
});

/** Why an operation was refused or failed. Operations throw it; `code` is a stable name. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly status: ProblemStatus;
  readonly code: string;

  constructor(status: ProblemStatus, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  get body(): z.output<typeof problemSchema> {
    return { error: { code: this.code, message: this.message } };
  }
}

/** A problem of a request whose parameter or body does not fit its schema. */
export function badRequest(where: string, issues: readonly z.core.$ZodIssue[]): ApiProblem {
  const [first] = issues;
  const path = first === undefined ? "" : first.path.map(String).join(".");
  const place = path === "" ? where : `${where} \`${path}\``;
  return new ApiProblem(400, "bad_request", `${place}: ${first?.message ?? "not valid"}`);
}
