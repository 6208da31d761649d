import { Mesh } from "../../lab/mesh.ts";
import type { TrustSpec } from "../load/messages.ts";
import { moqmesh } from "../relays/moqmesh.ts";
import { BenchError } from "../system/error.ts";
import type { Pinning } from "../system/pin.ts";
import { AuthService } from "./auth-service.ts";
import type { KindName } from "./kinds.ts";

/** Where a storm takes place. */
export interface Scene {
  /** Where publishers connect, and watchers and viewers. */
  readonly publish: string;
  readonly watch: string;
  readonly trust: TrustSpec;
  /** The processes of the relays. */
  readonly pids: readonly number[];
  /** Decides on the sessions; absent: tokens do, or nothing. */
  readonly auth: AuthService | undefined;
  /** Rejects when a relay ends by itself. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
}

/** Bounds that the defaults do not allow, so that clients keep to the limits. */
type Limits = Readonly<Record<string, number>>;

function limitsOf(kind: KindName, size: number): Limits {
  return kind === "lobby" ? { announcements_per_session: size, broadcasts: 2 * size } : {};
}

/** One relay. For viewers a service decides. */
export async function relayScene(
  kind: KindName,
  size: number,
  engine: string,
  pinning: Pinning | undefined,
): Promise<Scene> {
  const auth = kind === "viewers" ? await AuthService.open() : undefined;
  const limits = Object.entries(limitsOf(kind, size)).map(([key, value]) => `${key} = ${value}`);
  const more = [...(auth === undefined ? [] : ["[auth]", `api = "${auth.url}"`]), "[limits]", ...limits].join("\n");
  try {
    const relay = await moqmesh({ engine, threads: undefined, more }).start(pinning?.relay);
    if (relay.pid === undefined) throw new BenchError("the relay's memory cannot be measured");
    return {
      publish: relay.url.href,
      watch: relay.url.href,
      trust: relay.trust,
      pids: [relay.pid],
      auth,
      ended: relay.ended,
      stop: async () => {
        await relay.stop();
        auth?.close();
      },
    };
  } catch (error) {
    auth?.close();
    throw error;
  }
}

/** A mesh: publishers at an origin, watchers and viewers at an edge, a root between. Tokens decide. */
export async function meshScene(kind: KindName, size: number, engine: string): Promise<Scene> {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const mesh = await Mesh.make({
    shape: { origins: 1, regionals: 0, edges: 1 },
    engine,
    extra: () => ({ limits: limitsOf(kind, size) }),
    say: (what) => ended.reject(new BenchError(what)),
  });
  try {
    await mesh.start();
    const [[origin], [edge]] = [mesh.role("origin"), mesh.role("edge")];
    if (origin === undefined || edge === undefined) throw new Error("a mesh without origin or edge");
    const { publisherToken, viewerToken, trust } = mesh.workspace;
    return {
      publish: `${origin.url}/?jwt=${publisherToken}`,
      watch: `${edge.url}/?jwt=${viewerToken}`,
      trust,
      pids: mesh.nodes.flatMap(({ pid }) => pid ?? []),
      auth: undefined,
      ended: ended.promise,
      stop: () => mesh.stop(),
    };
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}
