/** Texts of descriptions in a shell's script. */

/** Longest description, in characters: it stands beside a word on one line. */
const MAX_ABOUT = 72;

/** The first sentence of a description, without the marks of Markdown. */
export function brief(description: string): string {
  const [sentence = ""] = description.replaceAll("`", "").split(/(?<=[a-z)\]"])[.;:] /);
  const text = sentence.replace(/\.$/, "");
  return text.length > MAX_ABOUT ? `${text.slice(0, MAX_ABOUT - 3).trimEnd()}...` : text;
}

/** One word for bash and zsh, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One word for fish. */
export function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
