/** `auto` follows the system. */
export type Theme = "light" | "dark";

const KEY = "moqmesh-theme";

/** A button that switches between light and dark; the first choice is the system's. */
export class ThemeSwitch {
  readonly #button: HTMLButtonElement;
  readonly #changed: (theme: Theme) => void;
  #theme: Theme;

  constructor(button: HTMLButtonElement, changed: (theme: Theme) => void) {
    this.#button = button;
    this.#changed = changed;
    const kept = localStorage.getItem(KEY);
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    this.#theme = kept === "light" || kept === "dark" ? kept : dark ? "dark" : "light";
    button.addEventListener("click", () => this.next());
    this.#apply();
  }

  next(): void {
    this.#theme = this.#theme === "dark" ? "light" : "dark";
    localStorage.setItem(KEY, this.#theme);
    this.#apply();
    this.#changed(this.#theme);
  }

  #apply(): void {
    document.documentElement.dataset["theme"] = this.#theme;
    this.#button.textContent = this.#theme === "dark" ? "Light" : "Dark";
  }
}
