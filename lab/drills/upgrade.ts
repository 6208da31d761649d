import { PROGRAM } from "../../bench/relays/program.ts";
import { BenchError } from "../../bench/system/error.ts";
import type { Mesh } from "../mesh.ts";
import type { Node } from "../node.ts";
import { presentName, type Release } from "../release.ts";
import type { Exercise } from "./contract.ts";
import { restart } from "./restart.ts";

/**
 * The order of an upgrade. First an edge as a canary: its viewers find another edge when it is bad. Then the roots, because a newer relay may register
 * what only a newer root understands. Then towards the viewers, so that a relay never takes media from an older one than itself for long.
 */
export function upgradeOrder(mesh: Pick<Mesh, "role">): Node[] {
  const edges = mesh.role("edge");
  const [canary, ...others] = [...edges.slice(-1), ...edges.slice(0, -1)];
  return [
    ...(canary ? [canary] : []),
    ...mesh.role("root"),
    ...mesh.role("origin"),
    ...mesh.role("regional"),
    ...others,
  ];
}

/** One step: a relay ends in good order and starts as the other version. */
export async function replace(
  exercise: Pick<Exercise, "mesh" | "broadcasting" | "wrong" | "steps">,
  node: Node,
  { name, program }: Release,
): Promise<void> {
  await exercise.steps.step(`${node.name} to ${name}`, async () => {
    node.release = program;
    await restart(exercise, node);
  });
}

/** Replaces all relays by this version, and then all by the earlier one, as a rollback does: in the opposite order. */
export async function upgrade(exercise: Exercise): Promise<void> {
  const { mesh, earlier, figure, say } = exercise;
  if (earlier === undefined) throw new BenchError("no earlier version");
  const present = { name: await presentName(), program: PROGRAM };
  const order = upgradeOrder(mesh);
  say(`upgrade from ${earlier.name} to ${present.name}`);
  for (const node of order) await replace(exercise, node, present);
  say(`rollback from ${present.name} to ${earlier.name}`);
  for (const node of order.toReversed()) await replace(exercise, node, earlier);
  figure("earlier", earlier.name);
  figure("present", present.name);
}
