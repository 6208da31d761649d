import { fileURLToPath } from "node:url";
import { Child } from "../bench/system/child.ts";
import type { KeeperOrder } from "./keeper/main.ts";

const PROGRAM = fileURLToPath(new URL("keeper/main.ts", import.meta.url));

/** A process that ends the others if this one dies first. */
export class Keeper {
  readonly #child = new Child({
    name: "keeper",
    command: [process.execPath, PROGRAM],
    cores: undefined,
    channel: true,
  });

  constructor(folder: string) {
    this.#tell({ kind: "folder", path: folder });
  }

  started(pid: number): void {
    this.#tell({ kind: "started", pid });
  }

  ended(pid: number): void {
    this.#tell({ kind: "ended", pid });
  }

  /** Ends the keeper, which ends every process that still runs. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  #tell(order: KeeperOrder): void {
    this.#child.send(order);
  }
}
