/** Whether the clock is right: tokens and certificates count by it. */
import { createSocket } from "node:dgram";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "./contract.ts";

/** Milliseconds for an answer. */
const ANSWER_MS = 3_000;

/** Milliseconds of difference: tokens from a clock that is ahead are refused above `[auth] clock_skew` (5 s). */
const WARN_MS = 1_000;
const FAIL_MS = 5_000;

/** A header has whole seconds. */
const DATE_WARN_MS = 2_000;

/** Seconds from 1900, where NTP begins, to 1970. */
const NTP_EPOCH_S = 2_208_988_800;

/** Milliseconds by which a file may be from the future: file systems round. */
const FUTURE_MS = 2_000;

/** Milliseconds by which the server's clock is ahead of ours (RFC 5905 section 8, from one exchange). `host`: with a port or without. */
export async function ntpOffset(host: string, wallNow: () => number): Promise<number> {
  const { hostname, port } = new URL(`ntp://${host}`);
  const name = hostname.replace(/^\[|\]$/g, "");
  const socket = createSocket(name.includes(":") ? "udp6" : "udp4");
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS / 1_000} s`)), ANSWER_MS);
  socket.once("error", reject).once("message", resolve);
  const request = Buffer.alloc(48);
  // Version 4, client.
  request[0] = 0x23;
  const sent = wallNow();
  socket.send(request, Number(port) || 123, name);
  try {
    const answer = await promise;
    const received = wallNow();
    if (answer.length < 48) throw new Error("the answer is not NTP");
    const time = (at: number) =>
      (answer.readUInt32BE(at) - NTP_EPOCH_S) * 1_000 + (answer.readUInt32BE(at + 4) / 2 ** 32) * 1_000;
    return (time(32) - sent + (time(40) - received)) / 2;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

export function offsetFinding(offsetMs: number, source: string, exact: boolean): Finding {
  const common = { code: "clock_offset", subject: "clock" } as const;
  const ahead = offsetMs < 0 ? "ahead of" : "behind";
  const text = `${(Math.abs(offsetMs) / 1_000).toFixed(exact ? 3 : 0)} s ${ahead} ${source}`;
  if (Math.abs(offsetMs) < (exact ? WARN_MS : DATE_WARN_MS)) return { ...common, status: "ok", text };
  const remedy = "set the clock right and keep it so (`timedatectl set-ntp true`): tokens and certificates count by it";
  return { ...common, status: Math.abs(offsetMs) >= FAIL_MS ? "fail" : "warn", text, remedy };
}

/** Files of the relay that are from the future: the clock was set back since they were written. */
export async function clockSteps(folder: string, wallNow: () => number, steppedMs: number): Promise<Finding> {
  const common = { code: "clock_steps", subject: "steps of the clock" } as const;
  const remedy = "look for two programs that set the clock, and for a hypervisor that does";
  if (Math.abs(steppedMs) >= WARN_MS) {
    const text = `the clock was set by ${(steppedMs / 1_000).toFixed(1)} s during this examination`;
    return { ...common, status: "warn", text, remedy };
  }
  const names = await readdir(folder).catch(() => []);
  const times = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  const latest = times.reduce((most, one) => Math.max(most, one), 0);
  if (latest <= wallNow() + FUTURE_MS) return { ...common, status: "ok", text: "none seen" };
  const text = `a file in ${folder} is from ${new Date(latest).toISOString()}, which is in the future: the clock was set back since`;
  return { ...common, status: "warn", text, remedy };
}
