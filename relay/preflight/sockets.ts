/** The sockets of a configuration: whether two want the same port, and whether each can be bound now. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { type Config, listenAddress } from "../config/index.ts";
import { bindable, bindFailed, type SocketKind } from "../host/index.ts";
import type { FindingList } from "./findings.ts";

/** A listener of the relay. */
export interface PlannedListener {
  /** As messages name it. */
  readonly name: string;
  /** The key of its port. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly udp: SocketKind | undefined;
  readonly tcp: SocketKind;
}

/** Every listener with a fixed port. */
export function plannedListeners({ server, http, cluster }: Config): PlannedListener[] {
  const { host, port } = server;
  const relays = cluster.node === undefined ? undefined : listenAddress(cluster.listen ?? "");
  const all: PlannedListener[] = [{ name: "the public port", key: "server.port", host, port, udp: "UDP", tcp: "TCP" }];
  if (relays !== undefined) {
    all.push({ name: "the cluster listener", key: "cluster.listen", ...relays, udp: "UDP", tcp: "TCP" });
  }
  if (http.admin) {
    const { adminHost, adminPort } = http;
    const tcp = "the admin listener's TCP";
    all.push({
      name: "the admin listener",
      key: "http.admin_port",
      host: adminHost,
      port: adminPort,
      udp: undefined,
      tcp,
    });
  }
  if (http.healthPort !== undefined) {
    const { healthHost, healthPort } = http;
    const tcp = "the health port's TCP";
    all.push({
      name: "the health port",
      key: "http.health_port",
      host: healthHost,
      port: healthPort,
      udp: undefined,
      tcp,
    });
  }
  return all.filter((one) => one.port !== 0);
}

/** Two listeners that want the same port. */
export function inspectPorts(found: FindingList, config: Config): void {
  const listeners = plannedListeners(config);
  for (const [index, { name, key, host, port }] of listeners.entries()) {
    const other = listeners.slice(0, index).find((one) => one.port === port && overlap(one.host, host));
    if (other !== undefined) {
      found.problem("port_conflict", key, `${other.name} is also ${port}: choose another port for ${name}`);
    }
  }
}

/** True when listeners on these two hosts cannot have the same port. */
function overlap(one: string, other: string): boolean {
  return (
    one === other ||
    [one, other].some((host) => host === "::" || (host === "0.0.0.0" && !`${one}${other}`.includes(":")))
  );
}

/** Why one socket of a listener cannot be bound. */
export interface BindFault {
  readonly listener: PlannedListener;
  /** With the remedy. */
  readonly message: string;
  readonly inUse: boolean;
}

/** Binds each socket for a moment. A port that two listeners want is tried for the first one. */
export async function bindFaults(config: Config): Promise<BindFault[]> {
  const faults: BindFault[] = [];
  const tried = new Set<number>();
  for (const listener of plannedListeners(config)) {
    const { host, port, udp, tcp } = listener;
    if (tried.has(port)) continue;
    tried.add(port);
    const at = await bindable(host);
    const shared = config.quic.reusePort;
    for (const [kind, bind] of [
      [udp, () => bindUdp(at, port, shared)],
      [tcp, () => bindTcp(at, port)],
    ] as const) {
      if (kind === undefined) continue;
      const error = await bind();
      if (error === undefined) continue;
      const { message } = bindFailed(kind, at, port, error);
      faults.push({ listener, message, inUse: error.code === "EADDRINUSE" });
    }
  }
  return faults;
}

/** `answers`: whether a relay answers at the addresses of this configuration. */
export async function inspectSockets(
  found: FindingList,
  config: Config,
  answers: () => Promise<boolean>,
): Promise<void> {
  const faults = await bindFaults(config);
  const running = faults.some(({ inUse }) => inUse) && (await answers());
  for (const { listener, message, inUse } of faults) {
    if (!inUse) found.problem("port_unusable", listener.key, message);
    else if (!running) {
      const hint =
        "stop that program, or choose another port; when it is the relay of this configuration, use `--running`";
      found.problem("port_in_use", listener.key, message, hint);
    }
  }
  if (!running) return;
  const message = "a relay with these ports runs on this machine, so they were not tested";
  found.warn("port_in_use_by_relay", "server.port", message, "`--running` leaves the test out");
}

type BindError = NodeJS.ErrnoException | undefined;

function bindUdp(host: string, port: number, reusePort: boolean): Promise<BindError> {
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4", reusePort });
  const { promise, resolve } = Promise.withResolvers<BindError>();
  socket.once("error", resolve);
  socket.bind(port, host, () => resolve(undefined));
  return promise.finally(() => socket.close());
}

function bindTcp(host: string, port: number): Promise<BindError> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<BindError>();
  server.once("error", resolve);
  server.listen({ host, port, exclusive: true }, () => resolve(undefined));
  return promise.finally(() => server.close());
}
