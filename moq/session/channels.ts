import type { FanOutFactory } from "../link.ts";
import type { Channel, Dialect } from "../model/index.ts";

/** One {@link Channel} for each pair of engine and dialect, so that all sessions of a pair share encoded bytes. */
export class ChannelRegistry {
  readonly #channels = new Map<FanOutFactory, Map<string, Channel>>();

  get(engine: FanOutFactory, dialect: Dialect): Channel {
    let ofEngine = this.#channels.get(engine);
    if (ofEngine === undefined) {
      ofEngine = new Map();
      this.#channels.set(engine, ofEngine);
    }
    let channel = ofEngine.get(dialect.name);
    if (channel === undefined) {
      channel = { dialect, copies: engine.copies === true, fanOut: () => engine.fanOut() };
      ofEngine.set(dialect.name, channel);
    }
    return channel;
  }
}
