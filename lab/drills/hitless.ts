import { setTimeout as sleep } from "node:timers/promises";
import type { Mesh } from "../mesh.ts";
import type { Node } from "../node.ts";
import { type NodeSurvey, sample, serving, survey } from "../survey.ts";
import { waitFor } from "../wait.ts";
import type { Exercise } from "./contract.ts";

/** Milliseconds of watching after a relay was killed: its loss is noticed, and what it served is taken elsewhere. */
const AFTER_MS = 2_000;

/** Milliseconds within which every relay must have two sources again. */
const PROTECTED_MS = 20_000;

const PROTECTED = 'mesh_hitless_tracks{state="protected"}';

/** Kills a regional, starts it again, and does the same with an origin. Each time every relay has two sources before. */
export async function hitless(exercise: Exercise): Promise<void> {
  const { mesh, steps, figure } = exercise;
  await protectedEverywhere(exercise);
  const before = await survey(mesh.role("edge"));
  for (const role of ["regional", "origin"]) {
    const node = await serving(mesh.nodes, role);
    await steps.step(`SIGKILL to ${node.name}`, async () => {
      await node.kill();
      await sleep(AFTER_MS);
    });
    await steps.step(`${node.name} is back`, async () => {
      await node.start();
      await protectedEverywhere(exercise);
    });
  }
  const after = await survey(mesh.role("edge"));
  const grown = (name: string) => total(after, name) - total(before, name);
  figure("losses_carried_by_edges", grown("mesh_hitless_carried_total"));
  const share = grown("mesh_hitless_duplicate_bytes_total") / grown("received_payload_bytes_total");
  figure("bytes_twice_at_edges", `${Math.round(100 * share)} %`);
}

function total(surveys: readonly NodeSurvey[], name: string): number {
  return surveys.reduce((sum, one) => sum + sample(one, name), 0);
}

/** Waits until every edge and every regional that has the track takes it from two relays. */
async function protectedEverywhere({ mesh, wrong }: Pick<Exercise, "mesh" | "wrong">): Promise<void> {
  const all = await waitFor(PROTECTED_MS, async () => ((await unprotectedOf(mesh)).length === 0 ? true : undefined));
  if (all === true) return;
  const names = (await unprotectedOf(mesh)).map(({ name }) => name);
  wrong(`${names.join(", ")} had no second source within ${PROTECTED_MS / 1_000} s`);
}

async function unprotectedOf(mesh: Mesh): Promise<Node[]> {
  const surveys = await survey(mesh.nodes.filter(({ place }) => ["edge", "regional"].includes(place.role)));
  return surveys.filter((one) => sample(one, PROTECTED) < sample(one, "tracks")).map(({ node }) => node);
}
