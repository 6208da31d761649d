import type { Rule } from "./section.ts";

/** A command begins with the absolute path of its program, so that no search path decides what runs. */
export const programRule = <K extends string>(key: K): Rule<{ [key in K]: readonly string[] }> => ({
  keys: [key],
  broken: ({ [key]: command }) => {
    const [program] = command;
    if (command.some((text) => text.includes("\0")))
      return `\`${key}\` must have no NUL character: no program can be started with one`;
    return program === undefined || program.startsWith("/")
      ? undefined
      : `\`${key}\` must begin with the absolute path of a program, such as "/usr/local/bin/hook"; "${program}" is none`;
  },
});
