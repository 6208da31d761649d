import { type Holding, NODE_NAME, type NodeInfo } from "../../contract.ts";
import type { BackendEvents, Listing, NodeChange, Part, RegistryBackend, StoredNode, Versions } from "../contract.ts";
import { decodeChange, decodeHolding, decodeInfo, encodeChange, encodeHolding, encodeInfo } from "../record.ts";
import { type ConnectionDeps, RedisConnection } from "./connection.ts";
import { INSTANCE, NAMES, PEEK, PUT, READ, REMOVE, RENEW, REVOKE, REVOKED } from "./scripts.ts";

const PREFIX = "moqmesh:";
const NAMES_KEY = `${PREFIX}nodes`;
const REVOCATIONS_KEY = `${PREFIX}revocations`;
const INSTANCE_KEY = `${PREFIX}instance`;

/** Name of the channel on which roots send changes to each other. It names the database, because channels are common to all databases. */
export function redisChannel(database: number): string {
  return `${PREFIX}changes:${database}`;
}

/** Name of the channel on which roots tell each other what nothing keeps. Roots of earlier versions do not read it. */
export function redisNewsChannel(database: number): string {
  return `${PREFIX}news:${database}`;
}

/** Relays whose versions are read at once. */
const PEEKED = 256;

/** Names that are read; where there are more, something else than a root writes there. */
const MAX_NAMES = 20_000;

export interface RedisBackendDeps extends ConnectionDeps {
  /** Different for each start of a root, so that it recognises its own messages. */
  readonly writer: string;
  readonly channel: string;
  readonly newsChannel: string;
  /** A new identifier. */
  readonly unique: () => string;
}

/** The registry of several roots in Redis or Valkey. `dial` makes its connections. */
export class RedisBackend implements RegistryBackend {
  readonly #deps: RedisBackendDeps;
  #events: BackendEvents | undefined;
  #connection: RedisConnection | undefined;

  constructor(deps: RedisBackendDeps) {
    this.#deps = deps;
  }

  start(events: BackendEvents): void {
    this.#events = events;
    this.#connection = new RedisConnection(this.#deps, {
      up: () => events.up(),
      down: (why) => events.down(why),
      message: (text) => this.#messageArrived(text),
    });
  }

  async put(change: NodeChange, leaseMs: number, part: Part, known: string): Promise<Versions | undefined> {
    const { info, holdings, released } = change;
    const { writer, channel, unique } = this.#deps;
    const fields = holdings.flatMap((holding) => [`p${holding.path}`, encodeHolding(holding)]);
    const answer = await this.#eval(
      PUT,
      [nodeKey(info.node), NAMES_KEY],
      [
        ...[String(info.startedAt), encodeInfo(info), String(leaseMs), channel, unique(), encodeChange(writer, change)],
        ...[info.node, part, known, String(holdings.length), ...fields, ...released.map((path) => `p${path}`)],
      ],
    );
    if (!Array.isArray(answer)) return undefined;
    const [before, after, partial] = answer as unknown[];
    return { before: String(before), after: String(after), partial: partial !== "0" };
  }

  async renew({ node, startedAt }: NodeInfo, leaseMs: number): Promise<string | undefined> {
    const answer = await this.#eval(RENEW, [nodeKey(node), NAMES_KEY], [String(startedAt), String(leaseMs), node]);
    return typeof answer === "string" ? answer : undefined;
  }

  async remove(node: string, startedAt: number): Promise<void> {
    await this.#eval(REMOVE, [nodeKey(node), NAMES_KEY], [String(startedAt), node, this.#deps.channel]);
  }

  async list(): Promise<Listing> {
    const instance = String(await this.#eval(INSTANCE, [INSTANCE_KEY], [this.#deps.unique()]));
    const answer = await this.#eval(NAMES, [NAMES_KEY], []);
    const names: string[] = [];
    for (const name of (Array.isArray(answer) ? answer : []) as unknown[]) {
      if (typeof name === "string" && NODE_NAME.test(name) && names.length < MAX_NAMES) names.push(name);
      else this.#events?.unreadable();
    }
    const nodes: Listing["nodes"][number][] = [];
    const gone: string[] = [];
    for (let at = 0; at < names.length; at += PEEKED) {
      const some = names.slice(at, at + PEEKED);
      const peeked = await Promise.all(some.map((name) => this.#eval(PEEK, [nodeKey(name)], [])));
      for (const [n, node] of some.entries()) {
        const one = peeked[n];
        if (!Array.isArray(one)) gone.push(node);
        else nodes.push({ node, version: String(one[0]), remainingMs: Number(one[1]) });
      }
    }
    // The root that renews a lease lists the relay again.
    if (gone.length > 0) await this.#connection?.send(["SREM", NAMES_KEY, ...gone]);
    return { instance, nodes };
  }

  async read(node: string): Promise<StoredNode | undefined> {
    const answer = await this.#eval(READ, [nodeKey(node)], []);
    if (!Array.isArray(answer)) return undefined;
    const [remainingMs, flatFields] = answer as unknown[];
    const flat: unknown[] = Array.isArray(flatFields) ? flatFields : [];
    const fields = new Map<string, unknown>();
    for (let i = 0; i + 1 < flat.length; i += 2) fields.set(String(flat[i]), flat[i + 1]);
    const info = decodeInfo(node, fields.get("@info"));
    if (info === undefined) {
      this.#events?.unreadable();
      return undefined;
    }
    const holdings = new Map<string, Holding>();
    for (const [field, value] of fields) {
      if (field.startsWith("@")) continue;
      const path = field.slice(1);
      const holding = field.startsWith("p") ? decodeHolding(node, path, value) : undefined;
      if (holding === undefined) this.#events?.unreadable();
      else holdings.set(path, holding);
    }
    const version = `${String(fields.get("@gen"))}:${String(fields.get("@v"))}`;
    return { version, info, holdings, partial: fields.has("@partial"), remainingMs: Number(remainingMs) };
  }

  async changeRevocations(added: readonly string[], removed: readonly string[]): Promise<void> {
    const { channel, unique, writer } = this.#deps;
    await this.#eval(
      REVOKE,
      [REVOCATIONS_KEY],
      [channel, unique(), writer, String(added.length), ...added, ...removed],
    );
  }

  async revocations(known: string): Promise<{ version: string; paths: string[] } | undefined> {
    const answer = await this.#eval(REVOKED, [REVOCATIONS_KEY], [known]);
    if (!Array.isArray(answer)) return undefined;
    const [version, names] = answer as unknown[];
    const fields: unknown[] = Array.isArray(names) ? names : [];
    const paths = fields.flatMap((field) => (typeof field === "string" && field.startsWith("p") ? field.slice(1) : []));
    return { version: String(version), paths };
  }

  async sendToRoots(text: string): Promise<void> {
    if (this.#connection === undefined) throw new Error("the backend was not started");
    const { newsChannel, writer } = this.#deps;
    await this.#connection.send(["PUBLISH", newsChannel, `~ ${writer} ${text}`]);
  }

  close(): void {
    this.#connection?.close();
  }

  async #eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    if (this.#connection === undefined) throw new Error("the backend was not started");
    return await this.#connection.send(["EVAL", script, String(keys.length), ...keys, ...args]);
  }

  #messageArrived(text: string): void {
    const gone = /^- (\S+) (\d+(?:\.\d+)?)$/.exec(text);
    if (gone !== null && NODE_NAME.test(gone[1] ?? "")) {
      this.#events?.leftElsewhere(gone[1] ?? "", Number(gone[2]));
      return;
    }
    const news = /^~ (\S+) /.exec(text);
    if (news !== null) {
      if (news[1] !== this.#deps.writer) this.#events?.rootSent(text.slice(news[0].length));
      return;
    }
    if (text.startsWith("! ")) {
      if (text.slice(2) !== this.#deps.writer) this.#events?.revocationsChanged();
      return;
    }
    const header = /^\+ (\S{0,64}) (\S{1,64}) ([01]) /.exec(text);
    const decoded = header === null ? undefined : decodeChange(text.slice(header[0].length));
    if (header === null || decoded === undefined) this.#events?.unreadable();
    else if (decoded.writer !== this.#deps.writer) {
      this.#events?.changed(decoded.change, {
        before: header[1] ?? "",
        after: header[2] ?? "",
        partial: header[3] === "1",
      });
    }
  }
}

function nodeKey(node: string): string {
  return `${PREFIX}node:${node}`;
}
