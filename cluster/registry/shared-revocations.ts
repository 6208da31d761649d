import { parseControlPath, revocationPath } from "../control-paths.ts";
import type { RegistryBackend } from "./contract.ts";
import type { RevocationBoard } from "./revocation-board.ts";

/** Revocations in one write. */
const BATCH = 500;

/** Keeps the revocations of a root and those of the backend that roots share alike. */
export class SharedRevocations {
  readonly #board: RevocationBoard;
  readonly #backend: RegistryBackend;
  /** Paths of those that ended here and that the backend still has. */
  readonly #ended = new Set<string>();
  readonly #stop: () => void;
  #version = "";

  /** `changed` is called when something is to be written. */
  constructor(board: RevocationBoard, backend: RegistryBackend, changed: () => void) {
    this.#board = board;
    this.#backend = backend;
    this.#stop = board.watch({
      revoked: (revocation) => {
        this.#ended.delete(revocationPath(revocation));
        changed();
      },
      ended: (revocation) => {
        this.#ended.add(revocationPath(revocation));
        changed();
      },
    });
  }

  close(): void {
    this.#stop();
  }

  /** Writes what the backend does not have, and removes what has ended. Rejects when the backend fails; what was not written stays pending. */
  async write(): Promise<void> {
    const fresh = [...this.#board.shared(false)];
    for (let at = 0; at < fresh.length; at += BATCH) {
      const some = fresh.slice(at, at + BATCH);
      await this.#backend.changeRevocations(some.map(revocationPath), []);
      // It may have ended meanwhile.
      for (const one of some) if (this.#board.has(one)) this.#board.adopt(one);
    }
    const ended = [...this.#ended];
    for (let at = 0; at < ended.length; at += BATCH) {
      const some = ended.slice(at, at + BATCH);
      await this.#backend.changeRevocations([], some);
      for (const one of some) this.#ended.delete(one);
    }
  }

  /** Takes over what other roots wrote. Rejects when the backend fails. Returns the number of entries that no root wrote. */
  async read(): Promise<number> {
    const read = await this.#backend.revocations(this.#version);
    if (read === undefined) return 0;
    const [generation] = read.version.split(":", 1);
    const wiped = this.#version !== "" && !this.#version.startsWith(`${generation}:`);
    this.#version = read.version;
    const paths = new Set(read.paths);
    let unreadable = 0;
    for (const path of paths) {
      const parsed = parseControlPath(path);
      if (parsed?.kind !== "revocation") unreadable++;
      else if (!this.#ended.has(path)) this.#board.adopt(parsed.revocation);
    }
    if (wiped) this.#board.forgetShared();
    for (const one of [...this.#board.shared(true)]) if (!paths.has(revocationPath(one))) this.#board.abandon(one);
    if (wiped) await this.write();
    return unreadable;
  }
}
