import type { Attach, LinkInfo, LinkRequest } from "../../moq/link.ts";
import type { MetaRecord } from "./records.ts";

/** The engine of a request. */
export interface RequestOwner {
  accepted(request: NativeRequest, attach: Attach, gone: () => void): void;
  rejected(request: NativeRequest, status: number): void;
}

/** A client that waits for an answer. */
export class NativeRequest implements LinkRequest {
  readonly id: number;
  readonly info: LinkInfo;
  readonly #owner: RequestOwner;
  #answered = false;
  #left = false;

  constructor(owner: RequestOwner, id: number, info: LinkInfo) {
    this.#owner = owner;
    this.id = id;
    this.info = info;
  }

  accept(attach: Attach, gone?: () => void): void {
    if (this.#answered) {
      gone?.();
      return;
    }
    this.#answered = true;
    this.#owner.accepted(this, attach, () => gone?.());
  }

  /** The peer does not get the reason: an HTTP status has none. */
  reject(status: number, _reason: string): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#owner.rejected(this, status);
  }

  get left(): boolean {
    return this.#left;
  }

  /** The client has left, or was rejected. */
  closed(): undefined {
    this.#answered = true;
    this.#left = true;
  }
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map();

export function infoOf(engine: string, meta: MetaRecord, dialled: boolean): LinkInfo {
  const { binding, protocol, authority, path, query, address, port, certificate } = meta;
  return {
    engine,
    binding,
    protocol,
    dialled,
    authority,
    path,
    query,
    headers: meta.headers.length === 0 ? NO_HEADERS : new Map(meta.headers),
    peer: { address, port },
    ...(certificate !== undefined && { peerCertificate: Buffer.from(certificate, "hex") }),
  };
}
