import { Pacer } from "../../../bench/load/pacer.ts";
import { PublishedTrack } from "../../../bench/load/published-track.ts";
import { Serving } from "../../../bench/load/serving.ts";
import type { LoadSession, Part } from "../../../bench/load/session.ts";
import type { BidiStream } from "../../../moq/link.ts";
import type { Request } from "../../../moq/wire/lite/index.ts";
import { FRAME_BYTES, FRAMES_PER_GROUP, FRAMES_PER_SECOND, groupNow, type Stage, TRACK } from "./stage.ts";

/** Close codes with which a publisher leaves: in order, and with errors. */
const CODES = [0, 0, 1, 77];

const PAYLOAD = new Uint8Array(FRAME_BYTES);

/** One session that publishes one broadcast. It leaves in the middle of a group. */
export class Publisher implements Part {
  readonly broadcasts: readonly string[];
  readonly #stage: Stage;
  readonly #serving: Serving;
  readonly #pacer: Pacer;
  readonly #over = Promise.withResolvers<void>();
  #session: LoadSession | undefined;
  #left = false;

  constructor(stage: Stage, path: string) {
    this.#stage = stage;
    this.broadcasts = [path];
    const shape = { framesPerSecond: FRAMES_PER_SECOND, framesPerGroup: FRAMES_PER_GROUP, payload: PAYLOAD };
    const source = new PublishedTrack({ ...shape, firstGroup: groupNow(), keeps: true });
    this.#serving = new Serving((asked, name) => (asked === path && name === TRACK ? source : undefined));
    this.#pacer = new Pacer(stage.clock, 1, FRAMES_PER_SECOND, () => void source.send());
  }

  /** Publishes for at most `lifeMs`. Resolves when the session is over. */
  async run(lifeMs: number): Promise<void> {
    const { start } = this.#stage;
    const link = await this.#stage.dial(start.origins, start.tokens.publish, this);
    if (link === undefined) return;
    this.#pacer.start();
    this.#stage.later(lifeMs / 2, lifeMs, () => this.leave());
    await this.#over.promise;
  }

  leave(): void {
    this.#left = true;
    this.#session?.link.close(this.#stage.chance.pick(CODES), "");
  }

  start(session: LoadSession): void {
    this.#session = session;
    if (this.#left) this.leave();
  }

  request(request: Request, stream: BidiStream, session: LoadSession): void {
    this.#serving.request(request, stream, session);
    if (request.kind !== "goaway") return;
    stream.finish();
    this.leave();
  }

  left(stream: BidiStream): void {
    this.#serving.left(stream);
  }

  closed(): void {
    this.#pacer.stop();
    this.#serving.close();
    this.#over.resolve();
  }
}
