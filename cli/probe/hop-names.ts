import * as z from "zod";
import type { Trust } from "../../moq/link.ts";
import { CommandError } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { Library } from "../explain.ts";
import { type NamesOfHops, TRACK } from "./contract.ts";

/** Milliseconds for an answer of the admin listener, and its most bytes: a track may have a list of 1,000 viewers. */
const TIMEOUT_MS = 3_000;
const MAX_BYTES = 2 ** 20;

/** The id of every hop that is not known. */
const UNKNOWN = 0n;

/** `GET /api/v1/tracks/diagnostics` */
const WAY = z.looseObject({
  upstream: z.array(z.looseObject({ hop: z.string().regex(/^\d+$/), node: z.string().optional() })),
});

/** `GET /api/v1/cluster` */
const OWN = z.looseObject({ node: z.string() });

export interface AdminListener {
  readonly url: URL;
  readonly trust: Trust;
  /** Its secret, or a token that may read. */
  readonly token?: string;
}

/** Names the relays on the way of a broadcast: the admin listener of a watched relay knows them. */
export class HopNames implements NamesOfHops {
  readonly #admin: AdminListener;
  readonly #askHttp: Library["askHttp"];

  constructor(admin: AdminListener, { askHttp }: Pick<Library, "askHttp">) {
    this.#admin = admin;
    this.#askHttp = askHttp;
  }

  /** Rejects with {@link CommandError}. */
  async resolve(path: string, lists: readonly (readonly bigint[])[]): Promise<ReadonlyMap<bigint, string>> {
    const query = new URLSearchParams({ broadcast: path, track: TRACK });
    const [{ upstream }, { node: own }] = await Promise.all([
      this.#ask(`/api/v1/tracks/diagnostics?${query.toString()}`, WAY),
      this.#ask("/api/v1/cluster", OWN),
    ]);
    const ids = upstream.map(({ hop }) => BigInt(hop));
    const names = new Map<bigint, string>();
    for (const [index, { node }] of upstream.entries()) {
      const id = ids[index];
      if (id !== undefined && id !== UNKNOWN && node !== undefined) names.set(id, node);
    }
    const here = new Set(lists.flatMap((hops) => lastOf(hops, ids)));
    // Two other relays that are watched by the same way look the same.
    if (here.size === 1) for (const id of here) names.set(id, own);
    return names;
  }

  async #ask<T>(target: string, shape: z.ZodType<T>): Promise<T> {
    const { url, trust, token } = this.#admin;
    const at = new URL(target, url);
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    let answer: unknown;
    try {
      const { status, body } = await this.#askHttp(at, { trust, headers, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
      if (status !== 200) throw new Error(`status ${status}`);
      answer = JSON.parse(body);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CommandError(
        `the names of the relays cannot be read at ${at.origin}${at.pathname}: ${why}`,
        EXIT.failed,
      );
    }
    const parsed = shape.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new CommandError(`${at.origin}${at.pathname} does not answer as a relay of a mesh does`, EXIT.failed);
  }
}

/** The last hop of a list that leads through relays of the way to one that is not on it. */
function lastOf(hops: readonly bigint[], way: readonly bigint[]): bigint[] {
  const last = hops.at(-1);
  return last !== undefined && !way.includes(last) && hops.slice(0, -1).every((id) => way.includes(id)) ? [last] : [];
}
