import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type {
  Certificate,
  ClientAuthorities,
  Engine,
  Link,
  LinkInfo,
  LinkLimits,
  Listener,
  Trust,
} from "../../../moq/link.ts";
import { createNative, type NativeSettings } from "../../../transport/native/index.ts";
import { systemClock } from "../../../transport/shared/system-clock.ts";
import { LIMITS, Recorder } from "../../transport/fixtures.ts";

export type NativeEngine = Awaited<ReturnType<typeof createNative>>;

/** Small buffers, which every kernel grants. */
const BUFFER = 64 * 1024;

export function startEngine(settings: NativeSettings = {}): Promise<NativeEngine> {
  const warn = (message: string, error?: unknown) => assert.fail(`${message} ${String(error ?? "")}`);
  return createNative({ clock: systemClock, warn }, { threads: 1, socketBuffer: BUFFER, ...settings });
}

/** What a listener of the test has met. */
export interface Met {
  readonly listener: Listener;
  readonly infos: LinkInfo[];
  readonly recorders: Recorder[];
}

/** A listener that accepts everyone and is closed after the case. */
export async function meeting(
  t: TestContext,
  engine: Pick<Engine, "listen">,
  certificate: Certificate,
  options: {
    limits?: Partial<LinkLimits>;
    protocols?: readonly string[];
    unoffered?: string;
    port?: number;
    clients?: ClientAuthorities;
  } = {},
): Promise<Met> {
  const infos: LinkInfo[] = [];
  const recorders: Recorder[] = [];
  const listener = await engine.listen(
    {
      host: "127.0.0.1",
      port: options.port ?? 0,
      protocols: options.protocols ?? ["moq-lite-05", "moq-lite-04"],
      certificate,
      ...(options.unoffered && { unoffered: options.unoffered }),
      ...(options.clients && { clients: options.clients }),
      limits: { ...LIMITS, ...options.limits },
    },
    (request) => {
      infos.push(request.info);
      const recorder = new Recorder();
      recorders.push(recorder);
      request.accept(recorder.attach);
    },
  );
  t.after(() => listener.close());
  return { listener, infos, recorders };
}

export interface DialAs {
  readonly scheme?: "https" | "moql";
  readonly host?: string;
  readonly protocols?: readonly string[];
  readonly unanswered?: string;
  readonly trust?: Trust;
  readonly certificate?: Certificate;
  readonly limits?: Partial<LinkLimits>;
}

export async function dialTo(
  t: TestContext,
  engine: NativeEngine,
  port: number,
  how: DialAs = {},
): Promise<{ link: Link; events: Recorder }> {
  const events = new Recorder();
  const link = await engine.dial(
    {
      url: new URL(`${how.scheme ?? "https"}://${how.host ?? "127.0.0.1"}:${port}/some/path?q=1`),
      protocols: how.protocols ?? ["moq-lite-05"],
      ...(how.unanswered !== undefined && { unanswered: how.unanswered }),
      trust: how.trust ?? { kind: "insecure" },
      limits: { ...LIMITS, ...how.limits },
      timeoutMs: 5_000,
      ...(how.certificate !== undefined && { certificate: how.certificate }),
    },
    events.attach,
  );
  t.after(() => link.close(0, ""));
  return { link, events };
}
