/** `moqmesh completion`: prints what makes a shell complete the command line of moqmesh. */
import { type Command, UsageError } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { type Place, placesOf } from "./model.ts";
import { zshScript } from "./zsh.ts";

const SHELLS: ReadonlyMap<string, (places: readonly Place[]) => string> = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);
const NAMES = [...SHELLS.keys()];

/** `commands`: every command of the program, this one included. */
export function completionCommand(commands: () => readonly Command[]): Command {
  return {
    name: "completion",
    summary: "Print the completion of a shell: commands, options and their values.",
    description: [
      "Prints a script for the shell. For one session: source <(moqmesh completion bash), or moqmesh completion fish | source.",
      "For every session: write it to ~/.local/share/bash-completion/completions/moqmesh, to a file _moqmesh in a folder of zsh's fpath, or to ~/.config/fish/completions/moqmesh.fish. Write it again after an update.",
    ],
    positionals: [{ name: "SHELL", required: true, choices: NAMES, description: "bash, zsh or fish." }],
    options: [],
    takesConfig: false,
    examples: [
      "completion bash > ~/.local/share/bash-completion/completions/moqmesh",
      "completion zsh > ~/.zfunc/_moqmesh",
      "completion fish > ~/.config/fish/completions/moqmesh.fish",
    ],
    run: ({ positionals: [shell = ""] }, io) => {
      const script = SHELLS.get(shell);
      if (script === undefined) throw new UsageError(`there is no completion for "${shell}": name bash, zsh or fish`);
      io.out.write(script(placesOf(commands())));
      return Promise.resolve(EXIT.ok);
    },
  };
}
