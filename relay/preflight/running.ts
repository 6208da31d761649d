import * as z from "zod";
import { askHttp } from "../client/index.ts";
import { type Config, onThisMachine } from "../config/index.ts";

/** Milliseconds for an answer: more than a busy relay on a slow machine needs. */
const ANSWER_MS = 5_000;

/** Longest answer that is read, in bytes. */
const MAX_ANSWER = 16_384;

/** `GET /health/ready` of the admin listener. */
const READINESS = z.object({ status: z.enum(["ready", "not_ready"]), reasons: z.array(z.string()) });

/** A relay that runs with this configuration. */
export interface RunningRelay {
  readonly ready: boolean;
  /** Codes of the reasons why it is not ready; empty where only the health port answers. */
  readonly reasons: readonly string[];
}

/** Asks the admin listener, then the health port of a configuration. Undefined when no relay answers there. */
export async function runningRelay({ http }: Config): Promise<RunningRelay | undefined> {
  if (http.admin && http.adminPort !== 0) {
    const answer = await ask(http.adminTls ? "https:" : "http:", http.adminHost, http.adminPort);
    const parsed = READINESS.safeParse(answer?.json);
    if (parsed.success) return { ready: parsed.data.status === "ready", reasons: parsed.data.reasons };
  }
  if (http.healthPort === undefined || http.healthPort === 0) return undefined;
  const { status = 0 } = (await ask("http:", http.healthHost, http.healthPort)) ?? {};
  return status === 200 || status === 503 ? { ready: status === 200, reasons: [] } : undefined;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

/** The certificate is not checked: this asks this machine whether somebody is there, and sends no secret. */
async function ask(protocol: "http:" | "https:", host: string, port: number): Promise<Answer | undefined> {
  const at = new URL(`${protocol}//${onThisMachine(host)}:${port}/health/ready`);
  try {
    const { status, body } = await askHttp(at, {
      trust: { kind: "insecure" },
      timeoutMs: ANSWER_MS,
      maxBytes: MAX_ANSWER,
    });
    return { status, json: parse(body) };
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
