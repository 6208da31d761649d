export { codeOf, reasonOf } from "./codes.ts";
export { liteSession } from "./session.ts";
export { afterSetup, asksInSetup, type Refusal } from "./setup-gate.ts";
