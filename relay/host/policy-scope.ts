import { isUnder } from "../../moq/path.ts";
import type { Admission } from "./gate.ts";

/** The longest prefix of everything that a session may publish and watch: it counts under the policies of that path. */
export function scopeOf({ granted: { publish, subscribe } }: Pick<Admission, "granted">): string {
  const [first = "", ...others] = [...publish, ...subscribe];
  return others.reduce(common, first);
}

/** The longest prefix of both, by whole segments. */
function common(one: string, other: string): string {
  let prefix = one;
  while (!isUnder(other, prefix)) prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf("/")));
  return prefix;
}
