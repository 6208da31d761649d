import type { Api, JsonObject } from "./api.ts";

/** A question to the operator before something cuts people off. Resolves with the reason, or undefined for no. */
export type Confirm = (title: string, text: string) => Promise<string | undefined>;

/** What a view may use. */
export interface Desk {
  readonly api: Api;
  readonly confirm: Confirm;
  /** The token permits acting, as far as the page knows. */
  readonly mayAct: boolean;
  /** Loads the view again, after an action or a change of a filter. */
  readonly refresh: () => void;
  /** Shows why an action failed. */
  readonly failed: (error: unknown) => void;
}

/** One page of the dashboard. */
export interface View {
  /** In the address, after `#`. */
  readonly id: string;
  readonly title: string;
  /** The resource that it shows, under `/api/v1`; a relay without it has no such view. */
  readonly path: string;
  /** What is asked each time: {@link path} with filters. */
  query?(): string;
  /** Puts what the API answered into `host`, which is empty. */
  show(answer: JsonObject, host: HTMLElement, desk: Desk): void;
  /** Controls above the view, made once when it is opened. */
  controls?(desk: Desk): HTMLElement;
}
