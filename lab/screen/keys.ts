/** What a person may ask for with one key. */
export type KeyAction =
  | { readonly kind: "select"; readonly by: number }
  | { readonly kind: "pick"; readonly index: number }
  | { readonly kind: NodeAction }
  | { readonly kind: "publisher" | "addresses" | "quit" };

/** What is done to the relay that is chosen. */
export type NodeAction = "kill" | "drain" | "restart" | "freeze";

/** For the help text. */
export const KEY_HELP: readonly (readonly [string, string])[] = [
  ["up, down, 1 to 9", "Choose a relay."],
  ["k", "Kill it (SIGKILL)."],
  ["d", "Drain it (SIGTERM): it sends its viewers elsewhere and ends."],
  ["r", "Restart it: drained first if it runs, just started if it does not."],
  ["f", "Freeze it (SIGSTOP), or thaw it (SIGCONT)."],
  ["p", "Kill the publisher and start another."],
  ["u", "Show where to watch and to publish, with tokens; any key goes back."],
  ["q, Ctrl-C", "End everything."],
];

/** The last line of the screen. */
export const KEY_LINE = "↑↓ 1-9 choose  k kill  d drain  r restart  f freeze  p publisher  u URLs  q quit";

const KEYS: ReadonlyMap<string, KeyAction> = new Map<string, KeyAction>([
  ["\u001b[A", { kind: "select", by: -1 }],
  ["\u001bOA", { kind: "select", by: -1 }],
  ["\u001b[B", { kind: "select", by: 1 }],
  ["\u001bOB", { kind: "select", by: 1 }],
  ["k", { kind: "kill" }],
  ["d", { kind: "drain" }],
  ["r", { kind: "restart" }],
  ["f", { kind: "freeze" }],
  ["p", { kind: "publisher" }],
  ["u", { kind: "addresses" }],
  ["q", { kind: "quit" }],
  ["\u0003", { kind: "quit" }],
  ["\u0004", { kind: "quit" }],
]);

/** Arrow keys, and anything else. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: keys send escape sequences.
const TYPED = /\u001b[[O][A-D]|./gsu;

/** What was typed at once, key by key. */
export function keysOf(typed: string): readonly string[] {
  return typed.match(TYPED) ?? [];
}

/** What was typed; nothing for a key that means nothing. */
export function keyAction(typed: string): KeyAction | undefined {
  return /^[1-9]$/.test(typed) ? { kind: "pick", index: Number(typed) - 1 } : KEYS.get(typed);
}
