export { API_METRICS, Audit, REFUSALS } from "./audit.ts";
export type { Accepted, Authority, Shown } from "./authority.ts";
export { openApiDocument } from "./document.ts";
export {
  DONE,
  doneSchema,
  fromText,
  MAX_PAGE,
  page,
  pageOf,
  pageShape,
  pathField,
  reasonField,
  switchField,
  withOneOf,
} from "./fields.ts";
export { type Operation, operation, RIGHTS, type Right } from "./operation.ts";
export { ApiProblem } from "./problem.ts";
