import type { CompletedOption, Place, Values } from "./model.ts";
import { quoted } from "./text.ts";

/** The completion of bash. It needs nothing but bash 4. */
export function bashScript(places: readonly Place[]): string {
  return `# Completion of moqmesh for bash, from \`moqmesh completion bash\`.

# What may follow the command $1.
_moqmesh_place() {
  words='' options='' arguments='' files=''
  case "$1" in
${places.map(placeCase).join("\n")}
  esac
}

# The values of the option $2 of the command $1. Fails when it is a switch, or no option.
_moqmesh_value() {
  values='' value_files=''
  case "$1 $2" in
${places.flatMap(valueCases).join("\n")}
  *) return 1 ;;
  esac
}

_moqmesh() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}"
  # Bash cuts --option=value into three words.
  if [[ $current == = ]]; then
    current=''
  elif [[ $before == = ]]; then
    before="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  local words options arguments files values value_files place='' index
  _moqmesh_place ''
  for ((index = 1; index < COMP_CWORD; index++)); do
    case " $words " in
    *" \${COMP_WORDS[index]} "*)
      place="\${place:+$place }\${COMP_WORDS[index]}"
      _moqmesh_place "$place"
      ;;
    *)
      words=''
      break
      ;;
    esac
  done
  if _moqmesh_value "$place" "$before"; then
    words=$values files=$value_files
  elif [[ $current == -* ]]; then
    words=$options files=''
  else
    words="$words $arguments"
  fi
  COMPREPLY=()
  local found
  while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -W "$words" -- "$current")
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -f -- "$current")
  fi
}

complete -F _moqmesh moqmesh
`;
}

function placeCase({ path, words, options, arguments: all }: Place): string {
  const named = options.flatMap(({ text, short }) => (short === undefined ? [text] : [text, short]));
  const lists = [
    ["words", words.map(({ text }) => text)],
    ["options", named],
    ["arguments", all.flatMap((one) => (one.kind === "words" ? one.words : []))],
    ["files", all.some(({ kind }) => kind === "file") ? ["yes"] : []],
  ] as const;
  const set = lists.flatMap(([name, list]) => (list.length === 0 ? [] : [`${name}=${quoted(list.join(" "))}`]));
  return `  ${quoted(path)}) ${set.join(" ")} ;;`;
}

/** Options with the same values are one case. */
function valueCases({ path, options }: Place): string[] {
  const byValues = new Map<string, string[]>();
  for (const option of options) {
    if (option.value === undefined) continue;
    const set = assignment(option.value);
    byValues.set(set, [...(byValues.get(set) ?? []), ...patterns(path, option)]);
  }
  return [...byValues].map(([set, all]) => `  ${all.join(" | ")}) ${set} ;;`);
}

function patterns(path: string, { text, short }: CompletedOption): string[] {
  return [text, ...(short === undefined ? [] : [short])].map((one) => quoted(`${path} ${one}`));
}

function assignment(value: Values): string {
  switch (value.kind) {
    case "words":
      return `values=${quoted(value.words.join(" "))}`;
    case "file":
      return "value_files=yes";
    case "free":
      return ":";
  }
}
