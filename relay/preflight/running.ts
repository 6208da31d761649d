import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { z } from "zod";
import type { Config } from "../config/index.ts";

/** Milliseconds for an answer. */
const ANSWER_MS = 1_500;

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
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
  const at = {
    host: onThisMachine(host),
    port,
    path: "/health/ready",
    agent: false,
    signal: AbortSignal.timeout(ANSWER_MS),
  };
  const request = protocol === "https:" ? requestHttps({ ...at, rejectUnauthorized: false }) : requestHttp(at);
  request.once("error", () => resolve(undefined));
  request.once("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (more: string) => {
      text += more;
      if (text.length > MAX_ANSWER) request.destroy();
    });
    response.once("error", () => resolve(undefined));
    response.once("close", () => resolve({ status: response.statusCode ?? 0, json: parse(text) }));
  });
  request.end();
  return await promise;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The address at which this machine reaches a listener on `host`. */
function onThisMachine(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}
