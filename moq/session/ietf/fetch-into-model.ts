import type { FetchedObject, FetchGap, FetchWriter, Location } from "../../model/index.ts";
import type { FetchTarget } from "../../wire/ietf/index.ts";
import { turnedRound } from "./track-info.ts";

type Sink = FetchTarget["sink"];

/** Hands the objects of a fetch over to the model, in whose priorities higher ones come first. */
export class FetchIntoModel implements Sink {
  readonly #writer: FetchWriter;

  constructor(writer: FetchWriter) {
    this.#writer = writer;
  }

  object(object: FetchedObject): void {
    const { priority } = object;
    this.#writer.object(priority === undefined ? object : { ...object, priority: turnedRound(priority) });
  }

  payload(bytes: Uint8Array): void {
    this.#writer.payload(bytes);
  }

  end(): void {
    this.#writer.end();
  }

  gap(kind: FetchGap, end: Location): void {
    this.#writer.gap(kind, end);
  }
}
