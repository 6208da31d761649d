/** The dashboard: views of the relay that serves it, by its admin API. */
import { element, showAlert, showState } from "../dom.ts";
import { Api, ApiError, type JsonObject, objectOf, textOf } from "./api.ts";
import { askForm, askForToken, confirmAction, showKeys } from "./dialogs.ts";
import { text } from "./table.ts";
import { type Theme, ThemeSwitch } from "./theme.ts";
import type { Desk, View } from "./view.ts";
import { broadcasts } from "./views/broadcasts.ts";
import { keys } from "./views/keys.ts";
import { mediaLists, recordLists, relayLists } from "./views/lists.ts";
import { mesh } from "./views/mesh.ts";
import { note, overview, redraw } from "./views/overview.ts";
import { policies } from "./views/policies.ts";
import { relayActions } from "./views/relay-actions.ts";
import { sessions } from "./views/sessions.ts";

/** Milliseconds between two looks at the relay. */
const INTERVAL_MS = 2_000;

const VIEWS: readonly View[] = [
  overview,
  sessions,
  broadcasts,
  mesh,
  ...mediaLists,
  policies,
  ...relayLists,
  keys,
  ...recordLists,
];

class Dashboard {
  readonly #api = new Api();
  readonly #host = element("view", HTMLElement);
  readonly #body = text("div", "", "body");
  /** Views whose resource this relay has. */
  #views: readonly View[] = VIEWS;
  #current: View = overview;
  #mayAct = false;
  #paused = false;
  /** Rises with each change of view, so that a late answer is not shown in another one. */
  #turn = 0;
  #busy = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  async start(): Promise<void> {
    this.#views = await this.#available();
    this.#showViews();
    addEventListener("hashchange", () => this.#open());
    document.addEventListener("visibilitychange", () => this.#look());
    document.addEventListener("keydown", (event) => this.#key(event));
    element("token", HTMLButtonElement).addEventListener("click", () => void this.#askToken());
    element("keys", HTMLButtonElement).addEventListener("click", showKeys);
    this.#open();
  }

  get #desk(): Desk {
    return {
      api: this.#api,
      confirm: confirmAction,
      form: askForm,
      mayAct: this.#mayAct,
      refresh: () => this.#look(),
      failed: (error) => this.#failed(error),
    };
  }

  /** The views of resources that are in the relay's document. */
  async #available(): Promise<readonly View[]> {
    try {
      const { paths } = await this.#api.get("/openapi.json");
      const known = objectOf(paths);
      return VIEWS.filter(({ path }) => "get" in objectOf(known[`/api/v1${path}`]));
    } catch {
      return VIEWS;
    }
  }

  #showViews(): void {
    const items = this.#views.map(({ id, title }) => {
      const link = text("a", title);
      link.href = `#${id}`;
      const item = document.createElement("li");
      item.append(link);
      return item;
    });
    element("views", HTMLUListElement).replaceChildren(...items);
  }

  #open(): void {
    const id = location.hash.slice(1);
    this.#current = this.#views.find((view) => view.id === id) ?? overview;
    this.#turn += 1;
    for (const link of element("views", HTMLUListElement).querySelectorAll("a")) {
      if (link.hash === `#${this.#current.id}`) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else link.removeAttribute("aria-current");
    }
    document.title = `${this.#current.title} · moqmesh`;
    this.#host.replaceChildren();
    const controls = this.#current.controls?.(this.#desk);
    if (controls !== undefined) this.#host.append(controls);
    this.#body.replaceChildren();
    this.#host.append(this.#body);
    this.#look();
  }

  /** Asks once, now or when the answer under way is here; then at intervals while the page is seen. */
  #look(): void {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#busy = true;
    const turn = this.#turn;
    const view = this.#current;
    try {
      const status = await this.#api.get("/status");
      note(status);
      this.#showStatus(status);
      const answer = view === overview ? status : await this.#api.get(view.query?.() ?? view.path);
      await this.#learnRight();
      if (turn === this.#turn) this.#show(view, answer);
      showAlert(element("alert", HTMLParagraphElement), undefined);
    } catch (error) {
      if (turn === this.#turn) this.#failed(error);
    }
    this.#busy = false;
    if (this.#again) {
      this.#again = false;
      this.#look();
    } else if (!this.#paused) this.#timer = setTimeout(() => this.#look(), INTERVAL_MS);
  }

  #show(view: View, answer: JsonObject): void {
    // A row that has the focus is replaced, so its place is found again.
    const { activeElement: active } = document;
    const focused =
      active instanceof HTMLButtonElement ? [...this.#body.querySelectorAll("button")].indexOf(active) : -1;
    const fresh = text("div", "", "body");
    if (view === overview && this.#mayAct) fresh.append(relayActions(answer, this.#desk));
    view.show(answer, fresh, this.#desk);
    this.#body.replaceChildren(...fresh.childNodes);
    if (focused >= 0) this.#body.querySelectorAll("button")[focused]?.focus();
  }

  #showStatus(status: JsonObject): void {
    const state = textOf(status["status"]);
    const { reasons } = status;
    const why = Array.isArray(reasons) && reasons.length > 0 ? `: ${reasons.join(", ")}` : "";
    const tone = state === "ready" ? "good" : state === "draining" ? "wait" : "bad";
    showState(element("relay-state", HTMLParagraphElement), `${state.replaceAll("_", " ")}${why}`, tone);
  }

  /** Whether the token acts is not asked of the relay: a token without the right gets 403 when it is used first. */
  async #learnRight(): Promise<void> {
    if (this.#api.token === undefined) this.#mayAct = false;
    else this.#mayAct = (await this.#api.get("/whoami"))["right"] === "write";
  }

  #failed(error: unknown): void {
    if (error instanceof ApiError && error.status === 401) {
      showState(element("relay-state", HTMLParagraphElement), "needs a token", "wait");
      void this.#askToken();
    }
    if (error instanceof ApiError && error.code === "unreachable") {
      showState(element("relay-state", HTMLParagraphElement), "does not answer", "bad");
    }
    showAlert(element("alert", HTMLParagraphElement), error instanceof Error ? error.message : String(error));
  }

  async #askToken(): Promise<void> {
    const answer = await askForToken();
    if (answer === undefined) return;
    this.#api.token = answer === "" ? undefined : answer;
    this.#views = await this.#available();
    this.#showViews();
    this.#open();
  }

  #key(event: KeyboardEvent): void {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
    if (isTypedInto(target)) return;
    const index = this.#views.indexOf(this.#current);
    switch (event.key) {
      case "j":
      case "k": {
        const next = this.#views.at((index + (event.key === "j" ? 1 : -1)) % this.#views.length);
        if (next !== undefined) location.hash = next.id;
        break;
      }
      case "r":
        this.#look();
        break;
      case "p":
        this.#paused = !this.#paused;
        if (this.#paused) clearTimeout(this.#timer);
        else this.#look();
        break;
      case "t":
        theme.next();
        break;
      case "?":
        showKeys();
        break;
    }
  }
}

function isTypedInto(target: EventTarget | null): boolean {
  return [HTMLInputElement, HTMLSelectElement, HTMLTextAreaElement].some((kind) => target instanceof kind);
}

const theme = new ThemeSwitch(element("theme", HTMLButtonElement), (_: Theme) => redraw());
void new Dashboard().start();
