export { type FailoverCounters, MeshSource, type MeshSourceDeps } from "./mesh-source.ts";
