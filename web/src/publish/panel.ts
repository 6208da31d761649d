/** The form that starts and stops a publication, its preview and its figures. */
import {
  bitRate,
  describeConnection,
  element,
  type Figure,
  showAlert,
  showFigures,
  showState,
  size,
  transportName,
  troubleOf,
} from "../dom.ts";
import { broadcastName, inventName, withoutToken } from "../parameters.ts";
import type { ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";
import { askAccess } from "../relay/refusal.ts";
import { Publisher, type PublisherStats } from "./publisher.ts";
import { openSource, type Source, type SourceKind } from "./source.ts";

const TAKEN =
  "Another publisher uses this name, and viewers see that one. This page continues when the other one stops. You can also stop and choose another name.";

/** Milliseconds between two updates of the figures. */
const SHOW_EVERY_MS = 1000;

export interface PublishPanelOptions {
  readonly target: Target;
  /** The suggested name; random if absent. */
  readonly name: string | undefined;
}

interface Running {
  readonly source: Source;
  readonly publisher: Publisher;
  readonly timer: ReturnType<typeof setInterval>;
}

export class PublishPanel {
  readonly #form = element("publish-form", HTMLFormElement);
  readonly #sources = element("publish-sources", HTMLFieldSetElement);
  readonly #name = element("publish-name", HTMLInputElement);
  readonly #button = element("publish-button", HTMLButtonElement);
  readonly #state = element("publish-state", HTMLParagraphElement);
  readonly #error = element("publish-error", HTMLParagraphElement);
  readonly #hint = element("publish-hint", HTMLParagraphElement);
  readonly #screen = element("publish-screen", HTMLDivElement);
  readonly #canvas = element("publish-canvas", HTMLCanvasElement);
  readonly #video = element("publish-video", HTMLVideoElement);
  readonly #figures = element("publish-figures", HTMLDListElement);
  readonly #target: Target;
  #running: Running | undefined;
  #connection: ConnectionState = { kind: "closed" };

  constructor({ target, name }: PublishPanelOptions) {
    this.#target = target;
    this.#name.value = name ?? inventName();
    void this.#showAudience();
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#running) this.stop();
      else void this.start();
    });
  }

  /** Publishes the selected source, or the given one. Shows an error if that fails. */
  async start(kind?: SourceKind): Promise<void> {
    const name = broadcastName(this.#name.value);
    if (name === undefined || this.#running || this.#button.disabled) return;
    if (kind) this.#choose(kind);
    this.#name.value = name;
    showAlert(this.#error, undefined);
    this.#button.disabled = true;
    showState(this.#state, "Opening the source…", "wait");
    try {
      if (!("VideoEncoder" in globalThis)) throw new Error(missingEncoder());
      this.#run(name, await openSource(this.#chosen(), { canvas: this.#canvas, name: () => name }));
    } catch (error) {
      showState(this.#state, "", "none");
      showAlert(this.#error, explain(error));
    } finally {
      this.#button.disabled = false;
    }
  }

  stop(): void {
    if (!this.#running) return;
    const { source, publisher, timer } = this.#running;
    this.#running = undefined;
    clearInterval(timer);
    publisher.close();
    source.stop();
    this.#video.srcObject = null;
    this.#showRunning();
    showState(this.#state, "", "none");
    showAlert(this.#error, undefined);
  }

  #run(name: string, source: Source): void {
    const publisher = new Publisher({
      target: this.#target,
      name,
      source,
      onState: (state) => this.#showConnection(state),
    });
    this.#running = { source, publisher, timer: setInterval(() => this.#showFigures(), SHOW_EVERY_MS) };
    source.video.addEventListener("ended", () => {
      if (this.#running?.source !== source) return;
      this.stop();
      showAlert(this.#error, "The source has ended: its device was disconnected, or sharing was stopped.");
    });
    if (source.kind !== "pattern") this.#video.srcObject = new MediaStream([source.video]);
    this.#showRunning();
    this.#showFigures();
  }

  #showRunning(): void {
    const running = this.#running !== undefined;
    const pattern = this.#running?.source.kind === "pattern";
    this.#button.textContent = running ? "Stop" : "Start";
    this.#button.classList.toggle("stop", running);
    this.#sources.disabled = running;
    this.#name.readOnly = running;
    this.#screen.hidden = !running;
    this.#canvas.hidden = !pattern;
    this.#video.hidden = pattern;
    this.#figures.hidden = !running;
  }

  #showConnection(state: ConnectionState): void {
    this.#connection = state;
    if (state.kind === "closed") return;
    const { text, tone } = describeConnection(state);
    showState(this.#state, state.kind === "connected" ? "Live" : text, tone);
    if (state.kind !== "connecting") showAlert(this.#error, troubleOf(state));
  }

  #showFigures(): void {
    const running = this.#running;
    if (!running) return;
    const stats = running.publisher.stats();
    const connection = this.#connection.kind === "connected" ? this.#connection : undefined;
    if (connection) this.#showLive(stats);
    const figures: Figure[] = [
      ["publish-rate", "Sending", bitRate(stats.sentRate)],
      ["publish-target", "Encoder's aim", bitRate(stats.targetRate)],
      ["publish-size", "Size", size(stats.width, stats.height)],
      ["publish-codec", "Codec", stats.codec],
      ["publish-sound", "Sound", stats.audio ? "on" : running.source.kind === "pattern" ? "after a click" : "none"],
      ["publish-transport", "Transport", connection && transportName(connection.transport)],
      ["publish-protocol", "Protocol", connection?.protocol],
    ];
    showFigures(this.#figures, figures);
  }

  #showLive({ displaced, watched }: PublisherStats): void {
    showAlert(this.#error, displaced ? TAKEN : undefined);
    if (displaced) showState(this.#state, "Another publisher uses this name", "bad");
    else showState(this.#state, watched ? "Live, with viewers" : "Live, no viewers yet", "good");
  }

  /** Describes who can watch, which depends on what the relay allows without a token. */
  async #showAudience(): Promise<void> {
    const verdict = await askAccess(withoutToken(this.#target.url));
    if (verdict === undefined) return;
    const open = verdict.allowed && verdict.subscribe.includes("");
    this.#hint.textContent = open
      ? "Anyone who can reach this relay can watch this name."
      : "Only viewers whose token grants this name can watch it.";
  }

  #chosen(): SourceKind {
    const value = new FormData(this.#form).get("source");
    return value === "camera" || value === "screen" ? value : "pattern";
  }

  #choose(kind: SourceKind): void {
    for (const radio of this.#sources.querySelectorAll("input")) radio.checked = radio.value === kind;
  }
}

function missingEncoder(): string {
  return globalThis.isSecureContext
    ? "This browser cannot encode video for a page: it has no WebCodecs."
    : "Publishing needs a secure page: open this one on localhost or over https.";
}

function explain(error: unknown): string {
  if (error instanceof DOMException) {
    if (error.name === "NotAllowedError")
      return "The browser denied access to the source. Allow access and start again.";
    if (error.name === "NotFoundError")
      return "No such device was found. Connect a camera, or publish the test pattern.";
    if (error.name === "NotReadableError") return "The device does not work, or another program is using it.";
  }
  return error instanceof Error ? error.message : String(error);
}
