export { Rootless } from "./rootless.ts";
