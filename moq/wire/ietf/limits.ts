/** Bounds of what a peer may send in control messages. Above those of the draft, the peer breaks the protocol. */

/** Bytes of a message after its length, which has 16 bits. */
export const MESSAGE_BYTES = 0xffff;

/** Fields of a namespace (Track Naming). */
export const NAMESPACE_FIELDS = 32;

/** Bytes of all fields of a namespace and of the track's name together (Track Naming). */
export const FULL_TRACK_NAME_BYTES = 4096;

/** Bytes of a value whose type is odd (Key-Value-Pair Structure). */
export const KEY_VALUE_BYTES = 0xffff;

/** Bytes of the reason of an error (Reason Phrase Structure). */
export const REASON_BYTES = 1024;

/** Bytes of the URI of a GOAWAY or redirect (GOAWAY). */
export const URI_BYTES = 8192;

/** Options of a SETUP. The draft defines 8, and greasing adds a few. Ours: the draft has no bound. */
export const SETUP_OPTIONS = 64;

/** Tokens of one message. A request needs one or two. Ours: the draft has no bound. */
export const MESSAGE_TOKENS = 16;

/** Ranges of all range filters of one subscription or fetch, which SETUP says (MAX_FILTER_RANGES). Ours: each object may be compared with all of them. */
export const FILTER_RANGES = 64;

/** Parameters of one message: all tokens, all filters, and each of the others once. Ours: the draft has no bound. */
export const PARAMETERS = 128;

/** Properties of a track. The drafts define 10, and applications add their own. Ours: the draft has no bound. */
export const TRACK_PROPERTIES = 512;

/** Bytes of a message that are one more unit of work, as a power of 2: each may begin a parameter or property. */
export const MESSAGE_UNIT_BITS = 6;
