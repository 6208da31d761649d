/** The player with its form, its controls and its figures. */
import { printable } from "../../../moq/printable.ts";
import {
  bitRate,
  describeConnection,
  element,
  type Figure,
  milliseconds,
  showAlert,
  showFigures,
  showState,
  size,
  transportName,
  troubleOf,
} from "../dom.ts";
import { broadcastName, watchAddress } from "../parameters.ts";
import type { ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";
import { askAccess, covers, notGranted } from "../relay/refusal.ts";
import { AgeReader } from "./age.ts";
import { Player, type PlayerStatus } from "./player.ts";

/** Milliseconds between two readings of the picture's clock. */
const AGE_EVERY_MS = 250;
/** Number of readings whose median is shown: two seconds of readings. */
const AGE_READINGS = 8;
/** Readings between two updates of the figures. */
const SHOW_EVERY = 4;
/** Milliseconds for which the button shows that the link was copied. */
const COPIED_MS = 2000;

export interface WatchPanelOptions {
  readonly target: Target;
  /** The watched broadcast, if any. */
  readonly onCurrent: (name: string | undefined) => void;
}

interface Running {
  readonly name: string;
  readonly player: Player;
  readonly timer: ReturnType<typeof setInterval>;
}

export class WatchPanel {
  readonly #form = element("watch-form", HTMLFormElement);
  readonly #name = element("watch-name", HTMLInputElement);
  readonly #button = element("watch-button", HTMLButtonElement);
  readonly #state = element("watch-state", HTMLParagraphElement);
  readonly #error = element("watch-error", HTMLParagraphElement);
  readonly #screen = element("watch-screen", HTMLDivElement);
  readonly #placeholder = element("watch-placeholder", HTMLParagraphElement);
  readonly #controls = element("watch-controls", HTMLDivElement);
  readonly #sound = element("watch-sound", HTMLButtonElement);
  readonly #volume = element("watch-volume", HTMLInputElement);
  readonly #figures = element("watch-figures", HTMLDListElement);
  readonly #options: WatchPanelOptions;
  readonly #age = new AgeReader();
  #canvas = element("watch-canvas", HTMLCanvasElement);
  #running: Running | undefined;
  #status: PlayerStatus = "offline";
  #connection: ConnectionState = { kind: "closed" };
  #ages: number[] = [];
  #ticks = 0;

  constructor(options: WatchPanelOptions) {
    this.#options = options;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = broadcastName(this.#name.value);
      if (this.#running && this.#running.name === name) this.stop();
      else if (name !== undefined) this.watch(name);
    });
    this.#name.addEventListener("input", () => this.#showButton());
    this.#sound.addEventListener("click", () => this.#toggleSound());
    this.#volume.addEventListener("input", () => this.#running?.player.volume.set(this.#volume.valueAsNumber / 100));
    element("watch-full", HTMLButtonElement).addEventListener("click", () => void this.#screen.requestFullscreen());
    const share = element("watch-share", HTMLButtonElement);
    share.addEventListener("click", () => void this.#share(share));
  }

  /** Watches a broadcast instead of the last one; waits for it if it is not live. */
  watch(name: string): void {
    this.stop();
    this.#name.value = name;
    const missing = missingFeature();
    showAlert(this.#error, missing);
    if (missing !== undefined) return;
    const player = new Player({
      target: this.#options.target,
      name,
      canvas: this.#canvas,
      onConnection: (state) => this.#update({ connection: state }),
      onStatus: (status) => this.#update({ status }),
    });
    player.volume.set(this.#volume.valueAsNumber / 100);
    this.#running = { name, player, timer: setInterval(() => this.#tick(), AGE_EVERY_MS) };
    this.#sound.setAttribute("aria-pressed", "false");
    this.#controls.hidden = false;
    this.#figures.hidden = false;
    this.#options.onCurrent(name);
    this.#update({});
    this.#showFigures();
  }

  stop(): void {
    if (!this.#running) return;
    clearInterval(this.#running.timer);
    this.#running.player.close();
    this.#running = undefined;
    this.#status = "offline";
    this.#connection = { kind: "closed" };
    this.#ages = [];
    this.#controls.hidden = true;
    this.#figures.hidden = true;
    // A canvas keeps its last picture, so the next broadcast gets a new one.
    const canvas = this.#canvas.cloneNode();
    if (canvas instanceof HTMLCanvasElement) {
      this.#canvas.replaceWith(canvas);
      this.#canvas = canvas;
    }
    showAlert(this.#error, undefined);
    this.#options.onCurrent(undefined);
    this.#update({});
  }

  #update({ connection, status }: { connection?: ConnectionState; status?: PlayerStatus }): void {
    if (connection) this.#connection = connection;
    if (status) this.#status = status;
    this.#showButton();
    const name = this.#running?.name;
    if (name === undefined) {
      showState(this.#state, "", "none");
      this.#placeholder.textContent = "Choose a live broadcast, or type its name.";
      this.#placeholder.hidden = false;
      return;
    }
    const trouble = connection === undefined ? undefined : troubleOf(connection);
    if (trouble !== undefined) showAlert(this.#error, trouble);
    if (connection?.kind === "connected") {
      showAlert(this.#error, undefined);
      void this.#lookIfGranted(name);
    }
    const live = this.#connection.kind === "connected" && this.#status === "live";
    this.#placeholder.hidden = live;
    if (this.#connection.kind !== "connected") {
      const { text, tone } = describeConnection(this.#connection);
      showState(this.#state, text, tone);
      this.#placeholder.textContent = printable(text);
    } else if (live) {
      showState(this.#state, "Live", "good");
    } else {
      const waiting = this.#status === "loading" ? `Loading ${name}…` : `${name} is not live. Waiting for it…`;
      showState(this.#state, this.#status === "loading" ? "Loading" : "Not live", "wait");
      this.#placeholder.textContent = printable(waiting);
    }
  }

  /** Explains a broadcast that this page may not watch, which otherwise looks like one that is not live. */
  async #lookIfGranted(name: string): Promise<void> {
    const { url } = this.#options.target;
    const verdict = await askAccess(url);
    if (this.#running?.name !== name || verdict?.allowed !== true || covers(verdict.subscribe, name)) return;
    showAlert(this.#error, notGranted(url, `watch ${name}`));
  }

  #showButton(): void {
    const stops = this.#running !== undefined && broadcastName(this.#name.value) === this.#running.name;
    this.#button.textContent = stops ? "Stop" : "Watch";
    this.#button.classList.toggle("stop", stops);
  }

  #tick(): void {
    const age = this.#status === "live" ? this.#age.read(this.#canvas) : undefined;
    if (age === undefined) this.#ages = [];
    else this.#ages = [...this.#ages, age].slice(-AGE_READINGS);
    if (++this.#ticks % SHOW_EVERY === 0) this.#showFigures();
  }

  #showFigures(): void {
    if (!this.#running) return;
    const stats = this.#running.player.stats();
    if (stats.unsupported) showAlert(this.#error, "This browser cannot decode the picture of this broadcast.");
    const connection = this.#connection.kind === "connected" ? this.#connection : undefined;
    const live = this.#status === "live";
    if (live && connection) {
      showState(this.#state, stats.stalled ? "Live, but no new picture" : "Live", stats.stalled ? "wait" : "good");
    }
    const figures: Figure[] = [
      ["watch-age", "Picture age", milliseconds(median(this.#ages))],
      ["watch-behind", "Behind newest", live ? milliseconds(stats.behindMs) : undefined],
      ["watch-buffer", "Player buffer", connection && milliseconds(stats.bufferMs)],
      ["watch-rtt", "Round trip", milliseconds(stats.rttMs)],
      ["watch-rate", "Receiving", bitRate(live ? stats.receivedRate : undefined)],
      ["watch-frames", "Pictures a second", live ? stats.frameRate?.toFixed(0) : undefined],
      ["watch-size", "Size", size(stats.width, stats.height)],
      ["watch-codec", "Codec", stats.codec],
      ["watch-transport", "Transport", connection && transportName(connection.transport)],
      ["watch-protocol", "Protocol", connection?.protocol],
    ];
    showFigures(this.#figures, figures);
  }

  #toggleSound(): void {
    const muted = this.#running?.player.muted;
    if (!muted) return;
    if (!("AudioDecoder" in globalThis)) {
      showAlert(this.#error, "This browser cannot decode sound: it has no AudioDecoder.");
      return;
    }
    muted.set(!muted.peek());
    this.#sound.setAttribute("aria-pressed", String(!muted.peek()));
  }

  async #share(button: HTMLButtonElement): Promise<void> {
    if (!this.#running) return;
    const { target } = this.#options;
    const address = watchAddress(new URL(location.href), target, this.#running.name);
    try {
      await navigator.clipboard.writeText(address.href);
      // The token belongs to this viewer.
      button.textContent = target.url.searchParams.has("jwt") ? "Copied, without your token" : "Copied";
      setTimeout(() => (button.textContent = "Copy link"), COPIED_MS);
    } catch {
      showAlert(this.#error, `The browser does not allow this page to copy. The link is ${address.href}`);
    }
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function missingFeature(): string | undefined {
  if (!globalThis.isSecureContext) return "Video needs a secure page: open this one on localhost or over https.";
  return "VideoDecoder" in globalThis ? undefined : "This browser cannot decode video for a page: it has no WebCodecs.";
}
