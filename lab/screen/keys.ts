/** A command of one key. */
export type KeyAction =
  | { readonly kind: "select"; readonly by: number }
  | { readonly kind: "pick"; readonly index: number }
  | { readonly kind: NodeAction }
  | { readonly kind: "publisher" | "addresses" | "quit" };

/** An action on the selected relay. */
export type NodeAction = "kill" | "drain" | "restart" | "freeze";

/** Keys with their meaning, for the help text. */
export const KEY_HELP: readonly (readonly [string, string])[] = [
  ["up, down, 1 to 9", "Choose a relay."],
  ["k", "Kill it (SIGKILL)."],
  ["d", "Drain it (SIGTERM): it sends GOAWAY to its viewers and ends."],
  ["r", "Restart it; if it runs, it drains first."],
  ["f", "Freeze it (SIGSTOP), or thaw it (SIGCONT)."],
  ["p", "Kill the publisher and start another."],
  ["u", "Show the addresses for watching and publishing, with tokens; any key returns."],
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

/** An escape sequence, or one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: keys send escape sequences.
const TYPED = /\u001b[[O][A-D]|./gsu;

/** Splits input into single keys. */
export function keysOf(typed: string): readonly string[] {
  return typed.match(TYPED) ?? [];
}

/** The command of a key; undefined for other keys. */
export function keyAction(typed: string): KeyAction | undefined {
  return /^[1-9]$/.test(typed) ? { kind: "pick", index: Number(typed) - 1 } : KEYS.get(typed);
}
