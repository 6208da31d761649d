/** A simulated network with two hosts, and links between them. */
import assert from "node:assert/strict";
import { ManualClock } from "../../lab/network/manual-clock.ts";
import {
  type MemoryEngine,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type Wire,
} from "../../lab/network/memory-network.ts";
import {
  type Link,
  type LinkInfo,
  type LinkLimits,
  type LinkRequest,
  type Listener,
  TransportError,
} from "../../moq/link.ts";
import type { Pair } from "./conformance/harness.ts";
import { LIMITS, Recorder } from "./fixtures.ts";

export interface MemoryWorld {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly client: MemoryEngine;
  readonly server: MemoryEngine;
}

export interface ConnectOptions {
  readonly client?: Partial<LinkLimits>;
  readonly server?: Partial<LinkLimits>;
  /** What to listen on. */
  readonly host?: string;
  readonly port?: number;
  /** What to dial, instead of what is listened on. */
  readonly url?: string;
}

export interface MemoryPair extends Pair {
  readonly wire: Wire;
}

const PROTOCOLS = ["moq-lite-05"];

/** Default name to listen on. */
const HOST = "relay.test";

export function memoryWorld(options: Omit<MemoryNetworkOptions, "clock"> = {}): MemoryWorld {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, ...options });
  return { clock, network, client: network.engine(), server: network.engine() };
}

/** A link from the world's client to its server. */
export async function connect(world: MemoryWorld, options: ConnectOptions = {}): Promise<MemoryPair> {
  const serverEvents = new Recorder();
  const clientEvents = new Recorder();
  let info: LinkInfo | undefined;
  const listener = await listen(world, options, (request) => {
    info = request.info;
    request.accept(serverEvents.attach);
  });
  const { address, port } = listener.address;
  const client = await dial(world, options.url ?? `memory://${address}:${port}/`, clientEvents, options.client);
  const { link: server } = serverEvents;
  assert.ok(server !== undefined && info !== undefined);
  return { client, server, clientEvents, serverEvents, listener, info, wire: world.network.wireOf(client) };
}

export interface FailureOptions {
  readonly url?: string;
  /** Of a listener that exists; one is made otherwise, which answers nothing unless `onRequest` does. */
  readonly port?: number;
  readonly onRequest?: (request: LinkRequest) => void;
  readonly timeoutMs?: number;
}

/** Why a dial from the world's client fails. */
export async function failure(world: MemoryWorld, options: FailureOptions = {}): Promise<TransportError> {
  let url = options.url ?? `memory://${HOST}:${options.port}/`;
  if (options.url === undefined && options.port === undefined) {
    const { port } = (await listen(world, {}, options.onRequest ?? (() => {}))).address;
    url = `memory://${HOST}:${port}/`;
  }
  const error: unknown = await dial(world, url, new Recorder(), {}, options.timeoutMs).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TransportError, `the dial gave ${String(error)}`);
  return error;
}

function listen(
  { server }: MemoryWorld,
  options: ConnectOptions,
  onRequest: (request: LinkRequest) => void,
): Promise<Listener> {
  return server.listen(
    {
      host: options.host ?? HOST,
      port: options.port ?? 0,
      protocols: PROTOCOLS,
      certificate: { cert: "", key: "" },
      limits: { ...LIMITS, ...options.server },
    },
    onRequest,
  );
}

async function dial(
  { client, clock }: MemoryWorld,
  url: string,
  events: Recorder,
  limits: Partial<LinkLimits> = {},
  timeoutMs = 5_000,
): Promise<Link> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  const dialling = client.dial(
    {
      url: new URL(url),
      protocols: PROTOCOLS,
      trust: { kind: "insecure" },
      limits: { ...LIMITS, ...limits },
      timeoutMs,
    },
    events.attach,
  );
  dialling.then(settle, settle);
  await clock.runUntil(() => settled);
  return await dialling;
}
