import type { Broadcasting } from "../broadcasting.ts";
import type { Mesh } from "../mesh.ts";
import type { Node } from "../node.ts";
import type { KeyAction, NodeAction } from "./keys.ts";

/** Carries out a person's commands on the mesh. A failure is shown and affects nothing else. */
export class Operator {
  readonly #mesh: Mesh;
  readonly #broadcasting: Broadcasting;
  readonly #say: (what: string) => void;
  readonly #showAddresses: () => void;
  #selected = 0;
  #restarting = false;

  constructor(mesh: Mesh, broadcasting: Broadcasting, say: (what: string) => void, showAddresses: () => void) {
    this.#mesh = mesh;
    this.#broadcasting = broadcasting;
    this.#say = say;
    this.#showAddresses = showAddresses;
  }

  /** Number of the selected relay. */
  get selected(): number {
    return this.#selected;
  }

  /** True when the person wants to quit. */
  act(action: KeyAction): boolean {
    const { nodes } = this.#mesh;
    switch (action.kind) {
      case "quit":
        return true;
      case "select":
        this.#selected = (this.#selected + action.by + nodes.length) % nodes.length;
        return false;
      case "pick":
        if (action.index < nodes.length) this.#selected = action.index;
        return false;
      case "addresses":
        this.#showAddresses();
        return false;
      case "publisher":
        this.#do("the publisher", () => this.#republish());
        return false;
      default: {
        const node = nodes[this.#selected];
        const { kind } = action;
        if (node !== undefined) this.#do(node.name, () => this.#work(node, kind));
        return false;
      }
    }
  }

  #do(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#say(`${what}: ${error instanceof Error ? error.message : String(error)}`));
  }

  async #work(node: Node, kind: NodeAction): Promise<void> {
    if (kind === "kill" && node.state !== "down") {
      this.#say(`${node.name} is killed`);
      await node.kill();
    }
    if (kind === "freeze") this.#freeze(node);
    if ((kind === "drain" || kind === "restart") && node.state === "up") {
      this.#say(`${node.name} drains`);
      await node.drain();
      this.#say(`${node.name} has ended`);
    }
    if (kind === "restart" && node.state === "down") {
      this.#say(`${node.name} starts`);
      await node.start();
      this.#say(`${node.name} is up`);
    }
  }

  #freeze(node: Node): void {
    if (node.state === "frozen") {
      node.thaw();
      this.#say(`${node.name} is thawed (SIGCONT)`);
    } else if (node.state === "up") {
      node.freeze();
      this.#say(`${node.name} is frozen (SIGSTOP)`);
    }
  }

  async #republish(): Promise<void> {
    if (this.#restarting) return;
    this.#restarting = true;
    try {
      this.#say("the publisher is killed");
      await this.#broadcasting.publisher.kill();
      await this.#broadcasting.publisher.start();
      this.#say("another publisher has taken its place");
    } finally {
      this.#restarting = false;
    }
  }
}
