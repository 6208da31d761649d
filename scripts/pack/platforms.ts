/** A platform for which the native engine is published as an npm package. The values are those of npm's `os`, `cpu` and `libc`. */
export interface Platform {
  /** As `transport/native/addon.ts` names it. */
  readonly name: string;
  readonly os: string;
  readonly cpu: string;
  readonly libc?: "glibc" | "musl";
}

/** `.github/workflows/engine.yml` builds each of them. */
export const PLATFORMS: readonly Platform[] = [
  { name: "linux-x64-gnu", os: "linux", cpu: "x64", libc: "glibc" },
  { name: "linux-x64-musl", os: "linux", cpu: "x64", libc: "musl" },
  { name: "linux-arm64-gnu", os: "linux", cpu: "arm64", libc: "glibc" },
  { name: "linux-arm64-musl", os: "linux", cpu: "arm64", libc: "musl" },
  { name: "darwin-arm64", os: "darwin", cpu: "arm64" },
];

/** Name of the binary in `engine/`. */
export function binaryOf({ name }: Platform): string {
  return `moqmesh-engine.${name}.node`;
}

/** Name of the npm package with that binary. */
export function packageOf({ name }: Platform): string {
  return `@moqmesh/engine-${name}`;
}
