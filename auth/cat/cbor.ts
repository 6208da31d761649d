/** Reads CBOR that a client sent, within bounds. */
import { type DecodeOptions, decode, type TagDecoder, Tokenizer } from "cborg";

/** Arrays, maps and tags of one input, nested or beside each other: a token with every bound of its claims has fewer. */
const MAX_CONTAINERS = 1_024;

/** Major types of arrays, maps and tags (RFC 8949 section 3.1). */
const CONTAINERS: ReadonlySet<number> = new Set([4, 5, 6]);

/** Counts what nests, so that no input exhausts the stack. */
class CountingTokenizer extends Tokenizer {
  #containers = 0;

  override next(): ReturnType<Tokenizer["next"]> {
    const token = super.next();
    if (CONTAINERS.has(token.type.major) && ++this.#containers > MAX_CONTAINERS) {
      throw new RangeError(`more than ${MAX_CONTAINERS} arrays, maps and tags`);
    }
    return token;
  }
}

const OPTIONS: DecodeOptions = {
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowUndefined: false,
  allowBigInt: false,
  allowNaN: false,
  allowInfinity: false,
};

/** The one value of `bytes`, with maps as `Map`. Throws an `Error` for anything else, for a tag that `tags` lacks, and for a key that a map has twice. */
export function readCbor(bytes: Uint8Array, tags: Readonly<Record<number, TagDecoder>> = {}): unknown {
  const options = { ...OPTIONS, tags: { ...tags } };
  return decode(bytes, { ...options, tokenizer: new CountingTokenizer(bytes, options) });
}

/** A value of {@link readCbor} that is an array. */
export function arrayIn(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
