import * as z from "zod";

/** The status codes with which an operation may fail. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 500 | 503 | 507;

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
  /** Further header fields of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: ProblemStatus, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    // RFC 9110 section 15.5.2: an answer with 401 says how to authenticate.
    this.headers = status === 401 ? { "WWW-Authenticate": "Bearer", ...headers } : headers;
  }

  get body(): z.output<typeof problemSchema> {
    return { error: { code: this.code, message: this.message } };
  }
}

/** Among the parameters of a check of our own: the document says so, too. */
export const DOCUMENTED = { documented: true } as const;

/**
 * A problem of a request whose parameter or body is wrong. 400: it does not fit its schema in the document. 422: it does, and a check that no
 * schema can express refuses the value, such as a size that is too large.
 */
export function badRequest(where: string, issues: readonly z.core.$ZodIssue[]): ApiProblem {
  const first = issues.find((issue) => !isBeyondSchema(issue)) ?? issues[0];
  const path = first === undefined ? "" : first.path.map(String).join(".");
  const place = path === "" ? where : `${where} \`${path}\``;
  const message = `${place}: ${first?.message ?? "not valid"}`;
  return first !== undefined && isBeyondSchema(first)
    ? new ApiProblem(422, "bad_value", message)
    : new ApiProblem(400, "bad_request", message);
}

function isBeyondSchema(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && issue.params?.["documented"] !== true;
}
