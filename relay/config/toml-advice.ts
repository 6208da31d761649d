/** Explains an error in a TOML file to a reader who has written little TOML. Never quotes a value, because it may be a secret. */

/** What a message may quote: a name of the configuration, never text as long as a key or a token. */
const NAME = /^\[{0,2}[\w.-]{1,40}\]{0,2}$/;

const YES_OR_NO = /^(yes|no|on|off)\b/i;

/** `message` is the parser's; `line` the text of the line where it stopped. */
export function tomlAdvice(message: string, line: string): string {
  return `this is not TOML: ${reasonOf(message, line.trim())}`;
}

function reasonOf(message: string, line: string): string {
  const [text, value] = cut(line);
  const key = NAME.test(text) ? text : "the key";
  if (/^[{}]/.test(line)) return "it looks like JSON; write [SECTION] and below it KEY = VALUE";
  if (line.startsWith("[") && !line.includes("]")) return "the ] after the name of the section is missing";
  if (/redefine/.test(message)) return `${key} is set twice`;
  if (value === undefined) return withoutEquals(message, line);
  if (value === "") return `${key} has no value`;
  if (/invalid value/.test(message)) return badValue(key, value);
  if (/unfinished string/.test(message)) return "the closing quote of a text is missing";
  if (/leading zero/.test(message)) return "a number must not begin with 0";
  if (/end-of-line/.test(message)) return tail(value);
  if (/comma/.test(message)) return "a comma between two values of a list, or its ], is missing";
  return message;
}

function withoutEquals(message: string, line: string): string {
  if (/^[\w.-]+\s*:/.test(line)) return "a value is set with =, as in KEY = VALUE, not with a colon";
  if (/^(\/\/|;)/.test(line)) return "a comment begins with #";
  if (/unfinished string/.test(message)) return "the closing quote of a text is missing";
  return `${message}; a line is [SECTION], KEY = VALUE, or a comment that begins with #`;
}

function badValue(key: string, value: string): string {
  if (YES_OR_NO.test(value)) return `${key} is true or false, without quotes`;
  return `the value of ${key} is neither a number nor true or false; put text in quotes, as in ${key} = "TEXT"`;
}

function tail(value: string): string {
  if (/\s(\/\/|;)/.test(value)) return "a comment begins with #";
  return "there is text after the value; put each KEY = VALUE on its own line";
}

function cut(line: string): [key: string, value?: string] {
  const at = line.indexOf("=");
  return at < 0 || line.startsWith("[") ? [line] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}
