/**
 * A load process of a soak. Its first order starts it. It ends when the channel to its parent closes; when it is killed, all its sessions end
 * without a word.
 */
import { createEngine } from "../../../transport/engines.ts";
import { createQmux } from "../../../transport/qmux/index.ts";
import { systemClock } from "../../../transport/shared/index.ts";
import { Chance } from "../../random.ts";
import { Churn } from "./churn.ts";
import { readSoakOrder, type SoakAnswer, type SoakStart } from "./messages.ts";
import { Stage } from "./stage.ts";

/** Milliseconds between two reports. */
const REPORT_MS = 500;

let churn: Churn | undefined;
let stopping = false;

function stop(): void {
  stopping = true;
  churn?.stop();
}

function answer(message: SoakAnswer): void {
  process.send?.(message);
}

async function begin(start: SoakStart): Promise<void> {
  const deps = { clock: systemClock, warn: (message: string) => console.error(message) };
  const engines = { quic: await createEngine(start.engine, deps), websocket: createQmux(deps) };
  const stage = new Stage(start, new Chance(start.seed), systemClock, engines);
  const started = new Churn(stage);
  churn = started;
  const reports = setInterval(() => {
    answer({ kind: "counts", ...stage.counts, open: started.open });
    if (!stopping || started.open > 0) return;
    clearInterval(reports);
    answer({ kind: "stopped" });
  }, REPORT_MS);
  // The order to stop may have come while the engine was loaded.
  if (!stopping) started.start();
}

process.on("message", (message) => {
  const order = readSoakOrder(message);
  if (order.kind === "stop") stop();
  else begin(order).catch((error: unknown) => answer({ kind: "failed", message: String(error) }));
});
process.once("disconnect", () => process.exit(0));
