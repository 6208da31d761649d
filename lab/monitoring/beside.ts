import { join } from "node:path";
import type { Mesh } from "../mesh.ts";
import { Monitoring } from "./monitoring.ts";
import type { Notification } from "./receiver.ts";

/** Starts Prometheus and Alertmanager beside a mesh, whose relays need not run yet. Rejects with a {@link BenchError}. */
export async function monitor(
  mesh: Mesh,
  speed: number,
  notified: (alerts: Notification) => void,
): Promise<Monitoring> {
  return await Monitoring.start({
    folder: join(mesh.workspace.folder, "monitoring"),
    targets: mesh.nodes,
    speed,
    notified,
    started: (pid) => mesh.keep(pid),
    output: (name, text) => mesh.log(name, text),
  });
}

/** A notification in a line: `alert firing: MoqmeshRelayDown (edge-1): edge-1 does not answer`. */
export function notificationText(alerts: Notification): string {
  return alerts
    .map(({ status, labels, annotations }) => {
      const what = annotations["summary"] ?? labels["instance"] ?? "";
      return `alert ${status}: ${labels["alertname"]} (${labels["severity"]}): ${what}`;
    })
    .join("; ");
}
