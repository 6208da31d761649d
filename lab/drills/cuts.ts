import type { Node } from "../node.ts";
import { parsePath, UdpPath } from "../path/index.ts";
import type { Place } from "../topology.ts";

/** Seconds for which a relay is cut off: much longer than detection takes. */
export const CUT_S = 4;

/** The ways of relays to other relays, each of which can be cut: its packets vanish, and neither end learns of it. */
export class Cuts {
  readonly #paths = new Map<string, UdpPath>();

  /** Opens the way to the relay at `port`, and resolves with the port that other relays dial. */
  async open({ name }: Place, port: number): Promise<number> {
    const spec = parsePath(`outage=${CUT_S}@0`);
    const path = await UdpPath.open({ spec, target: { address: "127.0.0.1", port } });
    this.#paths.set(name, path);
    return path.port;
  }

  /** Cuts every link that another relay has dialled to this one. They are whole again after {@link CUT_S}. */
  cut({ name }: Pick<Node, "name">): void {
    this.#paths.get(name)?.begin(0);
  }

  close(): void {
    for (const path of this.#paths.values()) path.close();
  }
}
