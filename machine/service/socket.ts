import { execFile } from "node:child_process";

/** Sends lines such as `READY=1` to the service manager. Never throws. */
export type ServiceSend = (lines: readonly string[]) => void;

/** Milliseconds that `systemd-notify` may take. */
const PROGRAM_MS = 5_000;

export interface ServiceSocketDeps {
  readonly env: NodeJS.ProcessEnv;
  readonly warn: (message: string, error?: unknown) => void;
  /** Sends a datagram to a Unix socket; undefined where nothing can. */
  readonly datagram: ((socket: string, text: string) => void) | undefined;
}

/**
 * The way to the service manager that started this process; undefined when none waits for it (`$NOTIFY_SOCKET`). Node has no datagram
 * sockets of this kind, so the native engine's binary sends. Without it the program `systemd-notify` does, whose messages systemd takes
 * only with `NotifyAccess=all`.
 */
export function openServiceSocket({ env, warn, datagram }: ServiceSocketDeps): ServiceSend | undefined {
  const socket = env["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return undefined;
  let warned = false;
  const failed = (error: unknown) => {
    if (!warned) warn("the service manager cannot be reached at $NOTIFY_SOCKET; the relay goes on without it", error);
    warned = true;
  };
  if (datagram === undefined) {
    return (lines) => {
      const done = (error: unknown) => {
        if (error !== null) failed(error);
      };
      execFile("systemd-notify", lines, { env: { ...env }, timeout: PROGRAM_MS }, done).unref();
    };
  }
  return (lines) => {
    try {
      datagram(socket, lines.join("\n"));
    } catch (error) {
      failed(error);
    }
  };
}
