export { codeOf, reasonOf } from "./codes.ts";
export { liteSession } from "./session.ts";
export { afterSetup, asksInSetup } from "./setup-gate.ts";
