import type { ApiOperation, Json } from "./api.ts";
import type { AdminApi, Values } from "./ask.ts";
import type { View } from "./view.ts";

/** One command: an operation of the API, and how people type it and read its answer. */
export interface CommandSpec {
  /** `operationId` in the API's document, which has the summary and the options. */
  readonly operation: string;
  /** The words after `moqmesh admin`. */
  readonly name: string;
  /** In place of the operation's summary. */
  readonly summary?: string;
  /** Fields that are given as positionals, in this order; the last one may be left out when it is not required. */
  readonly positionals?: readonly string[];
  /** How people give a field that is a positional, where it is not the value itself, such as the path of a file. */
  readonly typed?: Readonly<Record<string, { readonly name: string; readonly description: string }>>;
  /** Without it every member of the answer is shown. */
  readonly view?: View;
  /** What has been done, for an operation that acts. */
  readonly done?: (answer: Json, values: Values) => string;
  /** The operation cuts people off: what it would do, for the question before it. */
  readonly cuts?: (values: Values, ask: Counter) => Promise<string> | string;
  /** Why the answer is a failure, although the API accepted the request. */
  readonly failed?: (answer: Json) => string | undefined;
  /** Turns the text of a field into its value. Throws `UsageError`. */
  readonly parse?: Readonly<Record<string, (text: string) => Json>>;
  /** A body that is made from words, in place of fields. */
  readonly words?: WordsBody;
  readonly examples?: readonly string[];
}

/** Words that become the whole body. */
export interface WordsBody {
  readonly name: string;
  readonly description: string;
  /** Throws `UsageError`. */
  readonly body: (words: readonly string[]) => Json;
}

/** Asks the API for a number before an action; undefined when it does not say. */
export type Counter = (operation: string, values: Values, path: string) => Promise<number | undefined>;

/** What one command needs while it runs. */
export interface Running {
  readonly api: AdminApi;
  readonly operation: ApiOperation;
  readonly values: Values;
}
