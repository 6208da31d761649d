import type { Place, Values, Word } from "./model.ts";
import { brief, quoted } from "./text.ts";

/** The completion of zsh: a file \`_moqmesh\` in a folder of \`fpath\`, or a text to evaluate after \`compinit\`. */
export function zshScript(places: readonly Place[]): string {
  return `#compdef moqmesh
# Completion of moqmesh for zsh, from \`moqmesh completion zsh\`.

# What may follow the command $1.
_moqmesh_place() {
  next=() options=() arguments=() files=''
  case "$1" in
${places.map(placeCase).join("\n")}
  esac
}

# The values of the option $2 of the command $1. Fails when it is a switch, or no option.
_moqmesh_value() {
  values=() value_files=''
  case "$1 $2" in
${places.flatMap(valueCases).join("\n")}
  *) return 1 ;;
  esac
}

_moqmesh() {
  local -a next options arguments values
  local files value_files place='' index
  _moqmesh_place ''
  for ((index = 2; index < CURRENT; index++)); do
    if (( ! \${next[(I)\${words[index]}:*]} )); then
      next=()
      break
    fi
    place="\${place:+$place }\${words[index]}"
    _moqmesh_place "$place"
  done
  if _moqmesh_value "$place" "\${words[CURRENT - 1]}"; then
    (( $#values )) && compadd -a values
    [[ -n $value_files ]] && _files
  elif [[ $PREFIX == -* ]]; then
    _describe -o option options
  else
    (( $#next )) && _describe command next
    (( $#arguments )) && compadd -a arguments
    [[ -n $files ]] && _files
  fi
}

if [[ $funcstack[1] == _moqmesh ]]; then
  _moqmesh "$@"
else
  compdef _moqmesh moqmesh
fi
`;
}

function placeCase({ path, words, options, arguments: all }: Place): string {
  const named = options.flatMap(({ text, short, about }): Word[] =>
    short === undefined
      ? [{ text, about }]
      : [
          { text, about },
          { text: short, about },
        ],
  );
  const values = all.flatMap((one) => (one.kind === "words" ? one.words : []));
  const sets = [
    ...(words.length === 0 ? [] : [`next=(${words.map(described).join(" ")})`]),
    ...(named.length === 0 ? [] : [`options=(${named.map(described).join(" ")})`]),
    ...(values.length === 0 ? [] : [`arguments=(${values.map(quoted).join(" ")})`]),
    ...(all.some(({ kind }) => kind === "file") ? ["files=yes"] : []),
  ];
  return `  ${quoted(path)}) ${sets.join(" ")} ;;`;
}

function described({ text, about }: Word): string {
  return quoted(`${text}:${brief(about)}`);
}

function valueCases({ path, options }: Place): string[] {
  return options.flatMap(({ text, short, value }) => {
    if (value === undefined) return [];
    const all = [text, ...(short === undefined ? [] : [short])].map((one) => quoted(`${path} ${one}`));
    return [`  ${all.join(" | ")}) ${assignment(value)} ;;`];
  });
}

function assignment(value: Values): string {
  switch (value.kind) {
    case "words":
      return `values=(${value.words.map(quoted).join(" ")})`;
    case "file":
      return "value_files=yes";
    case "free":
      return ":";
  }
}
