/** The process of a crowd. It receives orders over the channel to the bench and ends when that closes. */
import { setPriority } from "node:os";
import { createEngine } from "../../../transport/engines.ts";
import { systemClock } from "../../../transport/shared/index.ts";
import { trustOf } from "../../load/dial.ts";
import type { KindName } from "../kinds.ts";
import { Churn } from "./churn.ts";
import type { Crowd, CrowdDeps } from "./contract.ts";
import { Lobby } from "./lobby.ts";
import { type Answer, type Order, readOrder } from "./messages.ts";
import { Publishers } from "./publishers.ts";
import { Viewers } from "./viewers.ts";

/** Below the processes that measure, which share its core. */
const NICENESS = 10;

const CROWDS: Readonly<Record<KindName, (deps: CrowdDeps) => Crowd>> = {
  viewers: (deps) => new Viewers(deps),
  publishers: (deps) => new Publishers(deps),
  lobby: (deps) => new Lobby(deps),
  churn: (deps) => new Churn(deps),
};

let crowd: Crowd | undefined;

async function obey(order: Order): Promise<Answer> {
  if (order.kind === "prepare") {
    const warn = (message: string) => console.error(message);
    const engine = await createEngine(order.engine, { clock: systemClock, warn });
    const deps = { engine, trust: trustOf(order.trust), clock: systemClock, order };
    crowd = CROWDS[order.storm](deps);
    await crowd.prepare();
    return { kind: "prepared" };
  }
  if (crowd === undefined) throw new Error("there is no crowd yet");
  if (order.kind === "storm") return { kind: "stormed", ...(await crowd.storm()) };
  crowd.leave();
  return { kind: "left" };
}

setPriority(NICENESS);
function answer(message: Answer): void {
  process.send?.(message);
}

process.on("message", (message) => {
  obey(readOrder(message)).then(answer, (error: unknown) =>
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
