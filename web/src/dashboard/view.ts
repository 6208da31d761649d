import type { Api, JsonObject } from "./api.ts";

/** A question to the operator before something cuts people off. Resolves with the reason, or undefined for no. `asksReason`: peers may read one. */
export type Confirm = (title: string, text: string, asksReason?: boolean) => Promise<string | undefined>;

/** Shows a form. Resolves with true when it was submitted and its action succeeded. */
export type AskForm = (form: Form) => Promise<boolean>;

/** One field of a form. */
export interface FormField {
  /** Its key in the answer. */
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  /** Shown while it is empty. */
  readonly placeholder?: string;
  /** A choice of these, as value and text; else text. */
  readonly choices?: readonly (readonly [value: string, text: string])[];
  /** Text of several lines. */
  readonly long?: boolean;
  /** It has a row of its own. */
  readonly wide?: boolean;
  readonly required?: boolean;
  /** It is shown, and cannot be changed. */
  readonly fixed?: boolean;
}

export interface Form {
  readonly title: string;
  /** A sentence above the fields. */
  readonly note: string;
  readonly fields: readonly FormField[];
  /** Text of the button that submits. */
  readonly submit: string;
  /** The button is red: it cuts people off. */
  readonly danger?: boolean;
  /** Called with the values by name. When it rejects, the form stays open and shows why. */
  readonly act: (values: Readonly<Record<string, string>>) => Promise<void>;
}

/** What a view may use. */
export interface Desk {
  readonly api: Api;
  readonly confirm: Confirm;
  readonly form: AskForm;
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
