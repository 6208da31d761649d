/** Finds what would keep a relay from starting, and what works but should not be used. */
export { type Findings, preflight } from "./preflight.ts";
