import type { SubgroupWriter } from "../../model/index.ts";
import type { ObjectSink } from "../../wire/lite/index.ts";

/** Gives the frames of a stream to `writer`. They have no numbers on the wire: the first one has the index `first` (moq-lite Frame). */
export function numberedFrom(first: number, writer: SubgroupWriter): ObjectSink {
  if (first === 0) return writer;
  let id: number | undefined = first;
  return {
    object: (size, timestamp) => {
      writer.object(size, timestamp, id);
      id = undefined;
    },
    payload: (bytes) => writer.payload(bytes),
    end: () => writer.end(),
    status: () => {},
  };
}
