import type { SubscribeOptions } from "../../moq/model/index.ts";

/** What a track asks a relay for: its newest options, and a wish for a new group until one begins. */
export class TrackOptions {
  #options: SubscribeOptions;
  #wish: number | undefined;

  constructor(options: SubscribeOptions) {
    const { newGroup, ...rest } = options;
    this.#options = rest;
    this.#wish = newGroup;
  }

  get current(): SubscribeOptions {
    const newGroup = this.#wish;
    return newGroup === undefined ? this.#options : { ...this.#options, newGroup };
  }

  update(options: SubscribeOptions): void {
    this.#options = options;
  }

  /** Viewers wish for a group from the number `above` on. */
  wish(above: number): void {
    this.#wish = above;
  }

  /** A group begins. */
  fulfilled(): void {
    this.#wish = undefined;
  }
}
