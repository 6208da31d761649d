/** What the runner needs of another project's program. */

/** An object as one end of a track saw it. moq-lite calls it a frame, and knows neither its subgroup nor its properties. */
export interface SeenObject {
  readonly group: number;
  readonly subgroup?: number | undefined;
  readonly object?: number | undefined;
  readonly size: number;
  /** Of the payload, hex. */
  readonly sha256: string;
  /** As text that does not depend on their order. */
  readonly properties?: string | undefined;
}

/** A publisher or viewer that runs. */
export interface End {
  /** In the order in which it sent or received them. */
  readonly objects: readonly SeenObject[];
  /** Why it ended by itself. */
  readonly failure: string | undefined;
  stop(): Promise<void>;
}

/** How objects travel. */
export type Mapping = "stream for each group" | "stream for each object" | "datagrams";

/** How a publisher makes its track known: PUBLISH_NAMESPACE (moq-lite: an announcement), or PUBLISH. */
export type Offer = "announce" | "publish";

/** A track, and the relay at which an end meets it. */
export interface Meeting {
  /** `https:`, `moqt:` for QUIC alone, or `http:`. */
  readonly url: URL;
  readonly protocol: string;
  readonly path: string;
  readonly track: string;
  readonly offer: Offer;
  readonly mapping: Mapping;
}

/** One finding about a peer in one version. */
export interface Finding {
  readonly check: string;
  /** Absent: the check passed. */
  readonly failure?: string;
}

/** The relay under test. */
export interface Scene {
  /** `127.0.0.1:PORT`, where it takes WebTransport, WebSocket and QUIC. */
  readonly authority: string;
  /** SHA-256 of its certificate, hex. */
  readonly fingerprint: string;
  /** Protocols of the sessions that it opened since the last call. */
  sessions(): readonly string[];
  /** One more relay under test, which dials `url` as a relay outside the mesh. `fingerprint`: as above, of that relay. */
  dialling(url: URL, fingerprint: string): Promise<DiallingScene>;
}

/** A relay that dials another one. */
export interface DiallingScene extends Scene {
  stop(): Promise<void>;
}

export interface Peer {
  /** Its name in the registry. */
  readonly name: string;
  readonly registry: "crates.io" | "PyPI" | "npm";
  readonly version: string;
  /** Versions of the protocols that it speaks, by our names. */
  readonly protocols: readonly string[];
  /** Its clients offer one version. Otherwise the relay offers one. */
  readonly choosesVersion?: boolean;
  /** Installs it into the cache. Rejects with what failed. */
  install(): Promise<void>;
  /** Whether it is installed. */
  installed(): Promise<boolean>;
  /** Runs every check in one version. */
  examine(scene: Scene, protocol: string): AsyncIterable<Finding>;
}
