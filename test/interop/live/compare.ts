/** Whether a viewer got what a publisher sent. */
import type { SeenObject } from "./contract.ts";

/** Groups after which a track counts as watched. */
export const GROUPS = 3;

/** What is equal at both ends: between moq-transport ends everything, else the payloads in their order. */
export type Fidelity = "payloads" | "objects";

/** Groups by number, and the objects in each by their ids, or in their order. */
function byGroup(objects: readonly SeenObject[]): Map<number, SeenObject[]> {
  const groups = new Map<number, SeenObject[]>();
  for (const object of objects) {
    const group = groups.get(object.group) ?? [];
    group.push(object);
    groups.set(object.group, group);
  }
  for (const group of groups.values()) group.sort((a, b) => (a.object ?? 0) - (b.object ?? 0));
  return groups;
}

function line({ subgroup, object, size, sha256, properties }: SeenObject, fidelity: Fidelity): string {
  return fidelity === "payloads" ? `${size} ${sha256}` : `${subgroup}/${object} ${size} ${sha256} ${properties}`;
}

/** Number of groups that the viewer has as they were sent. */
export function wholeGroups(sent: readonly SeenObject[], seen: readonly SeenObject[]): number {
  const published = byGroup(sent);
  return [...byGroup(seen)].filter(([number, group]) => {
    const original = published.get(number);
    return original !== undefined && linesOf(group, "payloads") === linesOf(original, "payloads");
  }).length;
}

function linesOf(group: readonly SeenObject[], fidelity: Fidelity): string {
  return group.map((object) => line(object, fidelity)).join("\n");
}

/** What is wrong with the groups that a viewer got; undefined when {@link GROUPS} are as they were sent. */
export function difference(
  sent: readonly SeenObject[],
  seen: readonly SeenObject[],
  fidelity: Fidelity,
): string | undefined {
  const published = byGroup(sent);
  let whole = 0;
  for (const [number, group] of byGroup(seen)) {
    const original = published.get(number);
    if (original === undefined) return `group ${number} arrived, which was not sent`;
    const hashes = new Map(original.map((object) => [line(object, fidelity), object]));
    const foreign = group.find((object) => !hashes.has(line(object, fidelity)));
    if (foreign !== undefined) {
      return `group ${number}: ${line(foreign, fidelity)} arrived, which was not sent (${line(nearest(original, foreign), fidelity)})`;
    }
    if (group.length > original.length) return `group ${number} has ${group.length} objects of ${original.length}`;
    if (group.length === original.length && linesOf(group, fidelity) === linesOf(original, fidelity)) whole++;
  }
  return whole >= GROUPS ? undefined : `${whole} of ${GROUPS} groups arrived whole, ${seen.length} objects in all`;
}

function nearest(objects: readonly SeenObject[], { object = 0 }: SeenObject): SeenObject {
  const [first] = objects;
  const found = objects.find((one) => one.object === object) ?? first;
  if (found === undefined) throw new Error("a group without objects");
  return found;
}
