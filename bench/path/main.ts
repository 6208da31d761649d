/** The process of a bad network path. It receives orders over the channel to the bench and ends when that closes. */
import { parsePath, UdpPath } from "../../lab/path/index.ts";
import { sharedMicros } from "../load/micros.ts";
import { type PathAnswer, type PathOrder, readPathOrder } from "./messages.ts";

let path: UdpPath | undefined;

function answer(message: PathAnswer): void {
  process.send?.(message);
}

async function obey(order: PathOrder): Promise<void> {
  if (order.kind === "open") {
    const { spec, address, port } = order;
    path = await UdpPath.open({ spec: parsePath(spec), target: { address, port } });
    answer({ kind: "ready", port: path.port });
  } else if (order.kind === "begin") path?.begin((order.atUs - sharedMicros()) / 1_000);
  else if (path !== undefined) answer({ kind: "counts", ...path.counts });
}

process.on("message", (message) => {
  obey(readPathOrder(message)).catch((error: unknown) =>
    answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
