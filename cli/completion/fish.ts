import type { CompletedOption, Place, Values } from "./model.ts";
import { brief, fishQuoted } from "./text.ts";

/** The completion of fish. */
export function fishScript(places: readonly Place[]): string {
  const paths = places.map(({ path }) => path).filter((path) => path !== "");
  return `# Completion of moqmesh for fish, from \`moqmesh completion fish\`.
set -g __moqmesh_places ${paths.map(fishQuoted).join(" ")}

# Whether the words before the cursor begin with the command $argv, and with no longer one.
function __moqmesh_at
    set -l tokens (commandline -opc)
    set -l place
    for token in $tokens[2..]
        contains -- (string join -- ' ' $place $token) $__moqmesh_places; or break
        set place $place $token
    end
    set -l found (string join -- ' ' $place)
    test "$found" = "$argv"
end

# Whether the words before the cursor are that command and nothing else.
function __moqmesh_next
    set -l tokens (commandline -opc)
    set -l all (string join -- ' ' $tokens[2..])
    test "$all" = "$argv"
end

complete -c moqmesh -f
${places.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ path, words, options, arguments: all }: Place): string[] {
  const when = (condition: string) => `complete -c moqmesh -n ${fishQuoted(`${condition} ${path}`.trim())}`;
  const [at, next] = [when("__moqmesh_at"), when("__moqmesh_next")];
  return [
    ...words.map(({ text, about }) => `${next} -a ${text} -d ${fishQuoted(brief(about))}`),
    ...options.map((option) => `${at} ${optionOf(option)}`),
    ...all.flatMap((one) => (one.kind === "words" ? [`${at} -a ${fishQuoted(one.words.join(" "))}`] : [])),
    ...(all.some(({ kind }) => kind === "file") ? [`${at} -F`] : []),
  ];
}

function optionOf({ text, short, about, value }: CompletedOption): string {
  const letter = short === undefined ? "" : ` -s ${short.slice(1)}`;
  return `-l ${text.slice(2)}${letter}${value === undefined ? "" : ` ${valueFlags(value)}`} -d ${fishQuoted(brief(about))}`;
}

function valueFlags(value: Values): string {
  switch (value.kind) {
    case "words":
      return `-x -a ${fishQuoted(value.words.join(" "))}`;
    case "file":
      return "-r -F";
    case "free":
      return "-x";
  }
}
