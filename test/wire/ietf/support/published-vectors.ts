/** Vectors that the project moqtap publishes for drafts 14 and 16 (test/wire/vectors/moqtap, under its own licence). */
import { readdirSync, readFileSync } from "node:fs";

export interface PublishedVector {
  readonly id: string;
  readonly description: string;
  readonly hex: string;
  /** Integers are decimal strings. Absent: the bytes are not valid. */
  readonly decoded?: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

interface VectorFile {
  readonly vectors: readonly PublishedVector[];
}

const FOLDER = new URL("../../vectors/moqtap/", import.meta.url);

/** Of one file, e.g. `data-streams/subgroup`. */
export function publishedVectors(draft: 14 | 16, file: string): readonly PublishedVector[] {
  const text = readFileSync(new URL(`draft${draft}/codec/${file}.json`, FOLDER), "utf8");
  return (JSON.parse(text) as VectorFile).vectors;
}

/** The names of the files with control messages. */
export function publishedMessages(draft: 14 | 16): readonly string[] {
  const names = readdirSync(new URL(`draft${draft}/codec/messages/`, FOLDER));
  return names.map((name) => name.replace(/\.json$/, "")).toSorted();
}
