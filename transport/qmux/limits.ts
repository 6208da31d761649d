/** Largest record that this end accepts, in bytes: its max_record_size. Four STREAM frames of the usual size. */
export const MAX_RECORD_SIZE = 65536;

/** Largest message in a form without records, in bytes: max_frame_size of draft-ietf-quic-qmux-00 section 5.2. */
export const MAX_FRAME_SIZE = 16384;

/**
 * Largest record that this end sends, in bytes, even if the peer accepts more: a longer one would delay urgent data.
 */
export const MAX_SENT_RECORD = 65536;

/**
 * Most data in one STREAM frame that this end sends, in bytes: published peers refuse frames with more than 16384 - 24.
 */
export const MAX_STREAM_PAYLOAD = 16352;

/** Fewest bytes of a stream that are split off to fill a record that has other frames. */
export const MIN_SPLIT = 1024;

/**
 * Receive window of a connection in bytes. Data is delivered as it arrives, so this bounds the bytes in flight and not
 * memory: 4 MiB carry 335 Mbit/s over a round trip of 100 ms.
 */
export const CONNECTION_WINDOW = 4 << 20;

/** Receive window of a stream in bytes: a key frame of high quality in one round trip. */
export const STREAM_WINDOW = 1 << 20;

/**
 * Most bytes that the socket has and the kernel has not accepted. Further bytes wait in the streams, where they can be
 * reset or overtaken. Meanwhile the kernel's buffer keeps the path busy.
 */
export const SOCKET_BUDGET = 64 << 10;

/**
 * Frames of a connection in one turn of the event loop, about a millisecond's work. After that many the socket is read
 * again in the next turn. Messages that were read already are still processed.
 */
export const MAX_TURN_FRAMES = 2048;

/** Most bytes of frames other than STREAM that wait for the socket. The connection ends when a peer causes more. */
export const MAX_CONTROL_BYTES = 1 << 20;

/** Pieces of data of this size or more are sent by reference, as a fragment of their own. Smaller ones are copied. */
export const BY_REFERENCE_FROM = 4096;

/** Bytes allocated at a time for frame headers and small pieces. */
export const SLAB_SIZE = 16 << 10;

/** Milliseconds from the end of the opening handshake to the peer's transport parameters. */
export const OPEN_TIMEOUT_MS = 10_000;

/** Milliseconds from this end's Close frame to the end of the socket. */
export const CLOSE_TIMEOUT_MS = 2_000;

/**
 * A timer that is late by more than this many milliseconds means that this process stood still, so that messages of
 * peers may wait unread.
 */
export const STALL_MS = 1_000;

/** Most upgrades of one listener that wait for `accept` or `reject`; more get a 503. */
export const MAX_HELD_UPGRADES = 1024;

/** Milliseconds that an upgrade waits for `accept` or `reject` before it gets a 503. */
export const HOLD_TIMEOUT_MS = 10_000;

/** Largest code of an application (contract: 0 to 2^32-1). A larger code of a peer counts as this. */
export const MAX_CODE = 2 ** 32 - 1;
