import { joinPath } from "../../path.ts";
import type { Reason } from "../../reason.ts";
import { ProtocolViolation } from "../../wire/codec/index.ts";
import { type Message, type Namespace, namespaceOf, namespaceText } from "../../wire/ietf/index.ts";
import { ANNOUNCE_HOLD_MS } from "../announce-responder.ts";
import type { AnnounceTable } from "../contract.ts";
import type { IetfContext } from "./context.ts";
import { absolutePath } from "./names.ts";
import { OwnRequest } from "./own-request.ts";

/** The draft does not say when the first namespaces are complete. After so many milliseconds we assume it. */
const FIRST_NAMESPACES_MS = ANNOUNCE_HOLD_MS + 250;

/** Asks the peer for the namespaces under a prefix: our SUBSCRIBE_NAMESPACE. */
export class NamespaceSubscriber {
  readonly #context: IetfContext;
  readonly #prefix: string;
  readonly #table: AnnounceTable;
  readonly #done: (complete: boolean) => void;
  readonly #request: OwnRequest;
  /** Withdrawals by the text of the suffix. Nothing for a namespace that was refused. */
  readonly #namespaces = new Map<string, (() => void) | undefined>();
  #reported = false;
  #accepted = false;

  /** `prefix` is relative to the root. `done` is called once the first namespaces are in: never with true, because the peer does not say so. */
  constructor(context: IetfContext, prefix: string, table: AnnounceTable, done: (complete: boolean) => void) {
    this.#context = context;
    this.#prefix = prefix;
    this.#table = table;
    this.#done = done;
    this.#request = new OwnRequest(context, {
      request: (requestId) => ({
        kind: "subscribeNamespace",
        requestId,
        namespace: namespaceOf(prefix) ?? [],
        parameters: {},
      }),
      message: (message) => this.#message(message),
      ended: (reason) => this.#cut(reason),
    });
  }

  start(): void {
    const namespace = namespaceOf(this.#prefix);
    // Draft 14 cannot ask for everything.
    if (namespace === undefined || (namespace.length === 0 && !this.#context.caps.namespaceStreams)) {
      this.#cut("unsupported");
      return;
    }
    this.#request.open();
  }

  /** The answer is not needed any more. */
  cancel(): void {
    this.#request.cancel();
    this.#withdraw();
  }

  /** The session is over. What it announced is withdrawn with all that the peer announced. */
  close(): void {
    this.#namespaces.clear();
    this.#done(false);
  }

  #message(message: Message): void {
    const { clock } = this.#context.session.deps;
    if (message.kind === "requestOk") {
      if (this.#accepted) return;
      this.#accepted = true;
      clock.timer(FIRST_NAMESPACES_MS, () => this.#done(false));
      this.#table.answered?.();
    } else if (message.kind === "namespace") this.#begin(message.suffix);
    else if (message.kind === "namespaceDone") this.#end(message.suffix);
  }

  #begin(suffix: Namespace): void {
    const { session } = this.#context;
    const text = namespaceText(suffix);
    if (this.#namespaces.has(text)) return;
    const path = absolutePath([...(namespaceOf(this.#prefix) ?? []), ...suffix], this.#context);
    const announced = typeof path === "string" ? this.#context.namespaces.announce(path, this.#table) : path.reason;
    if (typeof announced !== "string") {
      this.#namespaces.set(text, announced);
      return;
    }
    this.#refused(joinPath(this.#prefix, text), announced);
    if (this.#namespaces.size < session.deps.limits.announcementsPerSession) this.#namespaces.set(text, undefined);
  }

  #end(suffix: Namespace): void {
    const text = namespaceText(suffix);
    if (!this.#namespaces.has(text) && !this.#reported) {
      throw new ProtocolViolation("NAMESPACE_DONE", "before its NAMESPACE");
    }
    this.#namespaces.get(text)?.();
    this.#namespaces.delete(text);
  }

  /** Reports the first one only, so that a flood does not fill the log. */
  #refused(path: string, reason: Reason): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#context.session.deps.refused?.(path, reason);
  }

  /** The peer tells us nothing more. */
  #cut(reason: Reason): void {
    this.#table.cut?.(reason);
    this.#withdraw();
  }

  #withdraw(): void {
    for (const withdraw of this.#namespaces.values()) withdraw?.();
    this.#namespaces.clear();
    this.#done(false);
  }
}
