/** The vectors that an independent codec made (`npm run oracle -- vectors`). */
import { readdirSync, readFileSync } from "node:fs";

export type OracleKind = "control" | "subgroup" | "fetch" | "fetch-descending" | "datagram";

export interface OracleVector {
  readonly draft: number;
  readonly kind: OracleKind;
  readonly name: string;
  /** The whole message, stream or datagram. */
  readonly hex: string;
  /** What it means, in the words of the oracle. Integers are decimal strings; bytes are hexadecimal, those of text are text. */
  readonly decoded: Readonly<Record<string, unknown>>;
}

const FOLDER = new URL("../vectors/", import.meta.url);

/** Of all drafts. */
export const ORACLE_VECTORS: readonly OracleVector[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as OracleVector[]);
