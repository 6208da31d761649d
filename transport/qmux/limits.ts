/** Largest record that is accepted, in bytes; declared as max_record_size. Four STREAM frames of the usual size. */
export const MAX_RECORD_SIZE = 65536;

/** Largest message in a form without records, in bytes: max_frame_size of draft-ietf-quic-qmux-00 section 5.2. */
export const MAX_FRAME_SIZE = 16384;

/** Largest record that is sent, in bytes, however much the peer takes: more would only delay what is urgent. */
export const MAX_SENT_RECORD = 65536;

/** Most data in one STREAM frame that is sent, in bytes: published peers refuse frames with more than 16384 less 24. */
export const MAX_STREAM_PAYLOAD = 16352;

/** Bytes of data below which a stream is not split to fill up a record that has other frames. */
export const MIN_SPLIT = 1024;

/**
 * Receive window of a connection in bytes. Data is handed on as it arrives, so this bounds what may be on the way
 * and not memory: 4 MiB carry 335 Mbit/s over a round trip of 100 ms.
 */
export const CONNECTION_WINDOW = 4 << 20;

/** Receive window of a stream in bytes: a key frame of high quality in one round trip. */
export const STREAM_WINDOW = 1 << 20;

/**
 * Bytes handed to the socket and not yet taken by the kernel. What is beyond waits in the streams, where it can
 * be reset or overtaken; the socket's own buffer keeps the path busy meanwhile.
 */
export const SOCKET_BUDGET = 64 << 10;

/**
 * Frames of a connection in one turn of the event loop, a millisecond's worth, after which its socket is read again in the next turn.
 * The rest of what was read with them is still taken.
 */
export const MAX_TURN_FRAMES = 2048;

/** Bytes of frames other than STREAM that wait for the socket; a peer that makes them pile up is cut off there. */
export const MAX_CONTROL_BYTES = 1 << 20;

/** Pieces of data from this size on travel by reference, as a fragment of the message of their own; smaller are copied. */
export const BY_REFERENCE_FROM = 4096;

/** Bytes that are allocated at a time for heads and small pieces. */
export const SLAB_SIZE = 16 << 10;

/** Milliseconds from the end of the opening handshake to the peer's transport parameters. */
export const OPEN_TIMEOUT_MS = 10_000;

/** Milliseconds from our Close frame to cutting the socket. */
export const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Milliseconds by which a timer may be late before it is taken for a sign that this process stood still, so that
 * what peers sent meanwhile may lie unread.
 */
export const STALL_MS = 1_000;

/** Upgrades of one listener that wait for `accept` or `reject`; more are answered with 503. */
export const MAX_HELD_UPGRADES = 1024;

/** Milliseconds that an upgrade waits for `accept` or `reject` before it is answered with 503. */
export const HOLD_TIMEOUT_MS = 10_000;

/** Largest code of an application: what comes larger is cut to it (contract: 0 to 2^32-1). */
export const MAX_CODE = 2 ** 32 - 1;
