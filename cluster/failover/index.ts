export { MeshSource, type MeshSourceDeps, type SpliceCounters } from "./mesh-source.ts";
