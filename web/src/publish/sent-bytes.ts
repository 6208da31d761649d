/**
 * Counts the bytes that a session writes to its outgoing streams, because browsers have no `getStats` for WebTransport yet, nor for
 * WebSocket.
 */
export class SentBytes {
  #count = 0;

  /** Bytes written since the start of the session. */
  get count(): number {
    return this.#count;
  }

  /** Counts the unidirectional streams, which carry the groups, that the session opens from now on. */
  constructor(session: WebTransport) {
    const open = session.createUnidirectionalStream.bind(session);
    session.createUnidirectionalStream = async (options) => {
      const stream = await open(options);
      const getWriter: () => WritableStreamDefaultWriter<Uint8Array> = stream.getWriter.bind(stream);
      stream.getWriter = () => this.#counting(getWriter());
      return stream;
    };
  }

  #counting(writer: WritableStreamDefaultWriter<Uint8Array>): WritableStreamDefaultWriter<Uint8Array> {
    const write = writer.write.bind(writer);
    writer.write = (chunk) => {
      this.#count += chunk?.byteLength ?? 0;
      return write(chunk);
    };
    return writer;
  }
}
