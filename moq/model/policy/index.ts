/** What operators set for broadcasts by the prefix of their path, and the counts of what is in use under each prefix. */
export {
  COUNTED,
  DEFAULT_PRIORITY,
  HIGHEST_PRIORITY,
  type Policy,
} from "./contract.ts";
export { type Claim, type Claimed, PolicyLedger, type PolicyRefusal } from "./ledger.ts";
export { PolicyTable } from "./table.ts";
