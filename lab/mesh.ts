import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { BenchError } from "../bench/system/error.ts";
import { Broadcasting, type BroadcastingOptions } from "./broadcasting.ts";
import { type Sections, urlOf } from "./configuration.ts";
import { Keeper } from "./keeper.ts";
import { Node } from "./node.ts";
import { freePorts } from "./ports.ts";
import { registryOf } from "./registry.ts";
import { type Place, placesOf, type Shape } from "./topology.ts";
import { waitFor } from "./wait.ts";
import { type MeshWorkspace, makeMeshWorkspace } from "./workspace.ts";

/** Milliseconds within which every relay must have registered at the root. */
const REGISTER_MS = 15_000;

export interface MeshOptions {
  readonly shape: Shape;
  /** QUIC engine of the relays. */
  readonly engine: string;
  /** Relays serve the demo page; default: no. */
  readonly page?: boolean;
  /** Keys of the configuration of one relay beside the usual ones. */
  readonly extra?: (place: Place, workspace: MeshWorkspace) => Sections;
  /** Folder for the output of the processes; default: it is dropped. */
  readonly logs?: string;
  /** Opens another way to a relay for the other relays, and resolves with its port on loopback; default: they dial its own. */
  readonly between?: (place: Place, port: number) => Promise<number>;
  /** Called with an event for the person who watches. */
  readonly say: (what: string) => void;
}

function peerOf({ name, role, region }: Place, port: number): string {
  return `${name} ${role} ${region} ${urlOf(port)}`;
}

/** Running meshes. */
const running = new Set<Mesh>();

/** Ends every mesh that was made. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((mesh) => mesh.stop()));
}

/** The relays of a mesh, each a process on loopback. */
export class Mesh {
  readonly nodes: readonly Node[];
  readonly workspace: MeshWorkspace;
  readonly #logFolder: string | undefined;
  readonly #keeper: Keeper;
  readonly #logs = new Map<string, WriteStream>();
  readonly #broadcasting = new Set<Broadcasting>();

  /** `between`: by place, the ports that relays dial. */
  private constructor(
    options: MeshOptions,
    workspace: MeshWorkspace,
    ports: readonly number[],
    between: readonly number[],
  ) {
    const { shape, engine, page = false, extra = () => ({}), logs, say } = options;
    this.workspace = workspace;
    this.#keeper = new Keeper(workspace.folder);
    running.add(this);
    this.#logFolder = logs;
    if (logs !== undefined) mkdirSync(logs, { recursive: true });
    const places = placesOf(shape);
    const roots = places.flatMap(({ role }, index) => (role === "root" ? [urlOf(ports[index] ?? 0)] : []));
    const peers = roots.length > 0 ? [] : places.map((place, index) => peerOf(place, between[index] ?? 0));
    const deps = {
      keeper: this.#keeper,
      output: (name: string, text: string) => this.log(name, text),
      lost: (node: Node, how: string) => say(`${node.name} ended by itself (${how})`),
    };
    this.nodes = places.map((place, index) => {
      const [port = 0, adminPort = 0] = [ports[index], ports[places.length + index]];
      const meshPort = between[index] ?? port;
      const settings = {
        place,
        port,
        meshPort,
        adminPort,
        roots,
        peers,
        workspace,
        engine,
        page,
        extra: extra(place, workspace),
      };
      return new Node(settings, deps);
    });
  }

  /** Makes certificate and keys and chooses ports. Only the keeper runs then. */
  static async make(options: MeshOptions): Promise<Mesh> {
    // The second half is for the admin listeners: who scrapes them finds a relay again after its restart.
    const places = placesOf(options.shape);
    const ports = await freePorts(2 * places.length);
    const { between = (_, port) => Promise.resolve(port) } = options;
    const meshPorts = await Promise.all(places.map((place, index) => between(place, ports[index] ?? 0)));
    return new Mesh(options, await makeMeshWorkspace(), ports, meshPorts);
  }

  role(role: string): Node[] {
    return this.nodes.filter(({ place }) => place.role === role);
  }

  /**
   * Starts all relays at once, because a mesh must not depend on an order, and resolves when all have registered at the root, if any. Rejects with a
   * {@link BenchError}.
   */
  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    const [root] = this.role("root");
    if (root === undefined) return;
    const complete = await waitFor(REGISTER_MS, async () => {
      const registry = await registryOf(root);
      return registry !== undefined && registry.nodes.length >= this.nodes.length ? true : undefined;
    });
    if (complete === undefined)
      throw new BenchError(`the relays have not registered at the root within ${REGISTER_MS / 1000} s`);
  }

  /** Makes a publisher and viewers; they end with the mesh. */
  broadcast(options: BroadcastingOptions): Broadcasting {
    const broadcasting = new Broadcasting(this, options);
    this.#broadcasting.add(broadcasting);
    return broadcasting;
  }

  /** Ends all processes and removes the folder. */
  async stop(): Promise<void> {
    const clients = [...this.#broadcasting].map((each) => each.stop());
    await Promise.allSettled([...clients, ...this.nodes.map((node) => node.kill())]);
    await this.#keeper.stop();
    await this.workspace.remove();
    running.delete(this);
    for (const log of this.#logs.values()) log.end();
  }

  /** Has a process beside the relays ended with this one, however that ends. */
  keep(pid: number): void {
    this.#keeper.started(pid);
  }

  /** Writes the output of a process to its log file, if there is a folder for logs. */
  log(name: string, text: string): void {
    if (this.#logFolder === undefined) return;
    let stream = this.#logs.get(name);
    if (stream === undefined) {
      stream = createWriteStream(join(this.#logFolder, `${name}.log`));
      this.#logs.set(name, stream);
    }
    stream.write(text);
  }
}
