/** The list of live broadcasts, which updates itself. */
import { printable } from "../../../moq/printable.ts";
import { describeConnection, element, showAlert, showState, troubleOf } from "../dom.ts";
import type { ConnectionState } from "../relay/connection.ts";
import type { Target } from "../relay/dial.ts";
import { askAccess } from "../relay/refusal.ts";
import { Announcements } from "./announcements.ts";

const CUT =
  "This list is incomplete: the relay announces no more broadcasts to one page. Type a name to watch a broadcast that is not listed.";

export interface LivePanelOptions {
  readonly target: Target;
  readonly onChoose: (name: string) => void;
}

export class LivePanel {
  readonly #connection = element("list-connection", HTMLParagraphElement);
  readonly #list = element("live-list", HTMLUListElement);
  readonly #empty = element("live-empty", HTMLParagraphElement);
  readonly #count = element("live-count", HTMLParagraphElement);
  readonly #error = element("live-error", HTMLParagraphElement);
  readonly #onChoose: (name: string) => void;
  readonly #target: Target;
  #connected = false;
  /** The alert says why there is no list. */
  #explained = false;
  /** This page may watch nothing with its token, or without one. */
  #blind = false;
  #names: readonly string[] = [];
  #current: string | undefined;

  constructor({ target, onChoose }: LivePanelOptions) {
    this.#onChoose = onChoose;
    this.#target = target;
    new Announcements({
      target,
      onState: (state) => this.#showConnection(state),
      onNames: (names) => this.#showNames(names),
      onCut: () => {
        this.#explained = true;
        showAlert(this.#error, CUT);
        this.#showEmpty();
      },
    });
  }

  /** Highlights the watched broadcast. */
  setCurrent(name: string | undefined): void {
    this.#current = name;
    for (const button of this.#list.querySelectorAll("button")) this.#mark(button);
  }

  #showConnection(state: ConnectionState): void {
    this.#connected = state.kind === "connected";
    this.#explained = state.kind === "refused";
    const { text, tone } = describeConnection(state);
    showState(this.#connection, text, tone);
    // The reason of the last attempt stays visible during the next one.
    if (state.kind !== "connecting") showAlert(this.#error, troubleOf(state));
    this.#showEmpty();
    if (state.kind === "connected") void this.#lookIfBlind();
  }

  /** The text for an empty list; the page may not be allowed to watch anything. */
  async #lookIfBlind(): Promise<void> {
    const verdict = await askAccess(this.#target.url);
    this.#blind = verdict?.allowed === true && verdict.subscribe.length === 0;
    this.#showEmpty();
  }

  #showNames(names: readonly string[]): void {
    const gone = new Map([...this.#list.children].map((item) => [item.getAttribute("data-name"), item]));
    names.forEach((name, i) => {
      const item = gone.get(name) ?? this.#item(name);
      gone.delete(name);
      // Only rows in the wrong place move, so that the focus stays.
      if (this.#list.children[i] !== item) this.#list.insertBefore(item, this.#list.children[i] ?? null);
    });
    for (const item of gone.values()) item.remove();
    this.#names = names;
    this.#showEmpty();
  }

  #showEmpty(): void {
    const some = this.#names.length > 0;
    this.#count.textContent = some ? `${this.#names.length} live` : "";
    this.#empty.hidden = some || this.#explained;
    this.#empty.textContent = this.#connected
      ? this.#blind
        ? "This page may watch nothing on this relay, so the list is empty. Use a token that grants watching."
        : "No broadcast is live on this relay. A broadcast appears here when someone publishes it."
      : "The list appears when the relay answers.";
  }

  #item(name: string): HTMLLIElement {
    const item = document.createElement("li");
    item.dataset["name"] = name;
    const button = document.createElement("button");
    button.type = "button";
    const label = document.createElement("span");
    label.textContent = printable(name);
    button.append(label, document.createElement("small"));
    button.addEventListener("click", () => this.#onChoose(name));
    item.append(button);
    this.#mark(button, name);
    return item;
  }

  #mark(button: HTMLButtonElement, name = button.parentElement?.dataset["name"]): void {
    const current = name !== undefined && name === this.#current;
    button.setAttribute("aria-current", String(current));
    const hint = button.querySelector("small");
    if (hint) hint.textContent = current ? "Watching" : "Watch";
  }
}
