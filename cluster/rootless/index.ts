export { Tiers } from "./rootless.ts";
