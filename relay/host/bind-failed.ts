import { getSystemErrorMap } from "node:util";
import { TransportError } from "../../moq/link.ts";
import { errorCode } from "../../transport/tls/index.ts";

/** Lower ports need a capability on Linux (net.ipv4.ip_unprivileged_port_start). */
const FIRST_FREE_PORT = 1024;

/** The kind of socket, as messages name it before its port. */
export type SocketKind = "UDP" | "TCP" | "the admin listener's TCP" | "the health port's TCP";

/** The error of a socket that cannot be bound: the system's reason, and what to do. */
export function bindFailed(kind: SocketKind, host: string, port: number, cause: unknown): TransportError {
  const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new TransportError("bind_failed", `cannot listen on ${kind} ${where}: ${whyOf(kind, port, cause)}`, { cause });
}

function whyOf(kind: SocketKind, port: number, cause: unknown): string {
  const system = systemError(cause);
  if (system === undefined) return cause instanceof Error ? cause.message : String(cause);
  const [code, text] = system;
  switch (code) {
    case "EADDRINUSE":
      return `it is in use (${code}); \`ss -ln${kind === "UDP" ? "u" : "t"}p 'sport = :${port}'\` shows the program that uses it`;
    case "EADDRNOTAVAIL":
      return `this machine does not have this address (${code})`;
    case "EACCES":
      return port < FIRST_FREE_PORT
        ? `permission denied (${code}); a port below ${FIRST_FREE_PORT} needs the capability CAP_NET_BIND_SERVICE: \`AmbientCapabilities=CAP_NET_BIND_SERVICE\` in a systemd unit, or \`setcap cap_net_bind_service=+ep\` on the program of Node`
        : `permission denied (${code})`;
    default:
      return `${text} (${code})`;
  }
}

/** The system's error code and text. Engines in Rust have its number in the message. */
function systemError(cause: unknown): readonly [code: string, text: string] | undefined {
  const number = /\(os error (\d+)\)/.exec(cause instanceof Error ? cause.message : "")?.[1];
  if (number !== undefined) return getSystemErrorMap().get(-Number(number));
  const code = errorCode(cause);
  return [...getSystemErrorMap().values()].find(([name]) => name === code);
}
