/** The fields of an operation as arguments and options of its command. */
import { type Invocation, type OptionSpec, type PositionalSpec, UsageError } from "../command.ts";
import type { ApiField, ApiOperation, Json } from "./api.ts";
import type { Values } from "./ask.ts";
import type { CommandSpec } from "./spec.ts";

/** The positionals of a command, in order. */
export function positionalsOf(
  { positionals = [], typed, words }: CommandSpec,
  { fields }: ApiOperation,
): PositionalSpec[] {
  if (words !== undefined) return [{ name: words.name, required: true, description: words.description, many: true }];
  return positionals.map((name) => {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) throw new Error(`the operation has no field ${name}`);
    const as = typed?.[name] ?? { name: name.toUpperCase(), description: descriptionOf(field) };
    return { ...as, required: field.required, ...(field.values !== undefined && { choices: field.values }) };
  });
}

/** The options of a command that are fields of its operation. */
export function fieldOptions(spec: CommandSpec, { fields }: ApiOperation): OptionSpec[] {
  return fields
    .filter(({ name }) => spec.positionals?.includes(name) !== true)
    .map((field) => ({
      name: optionName(field),
      description: descriptionOf(field),
      ...optionValue(field, spec.parse?.[field.name] !== undefined),
    }));
}

/** `own`: the command reads the value by itself. A boolean without that is a switch, which cannot say false. */
function optionValue(field: ApiField, own: boolean): Pick<OptionSpec, "value" | "choices"> {
  if (field.type === "boolean") return own ? { value: "YES|NO", choices: ["yes", "no"] } : {};
  return {
    value: own ? "TIME" : valueName(field),
    ...(field.values !== undefined && { choices: field.values }),
  };
}

function optionName({ name }: ApiField): string {
  return name.replaceAll("_", "-");
}

function valueName({ type, values }: ApiField): string {
  if (values !== undefined) return "WORD";
  return type === "string" ? "TEXT" : "NUMBER";
}

function descriptionOf({ name, description = `The ${name}.`, values, default: otherwise }: ApiField): string {
  const choice = values === undefined ? "" : ` One of ${values.join(", ")}.`;
  const usual = otherwise === undefined || otherwise === "" || otherwise === false ? "" : ` Default: ${otherwise}.`;
  return `${description}${choice}${usual}`;
}

/** The values that a command line gives to the fields. Throws `UsageError`. */
export function valuesOf(spec: CommandSpec, { fields }: ApiOperation, invocation: Invocation): Values {
  const { positionals, values, switches } = invocation;
  if (spec.words !== undefined) return {};
  const given = fields.flatMap((field): [string, Json][] => {
    const place = spec.positionals?.indexOf(field.name) ?? -1;
    const text = place >= 0 ? positionals[place] : values.get(optionName(field));
    if (text !== undefined) return [[field.name, jsonOf(spec, field, text)]];
    return switches.has(optionName(field)) && place < 0 ? [[field.name, true]] : [];
  });
  return Object.fromEntries(given);
}

/** The API checks the values; here they only get the type that JSON needs. */
function jsonOf({ parse }: CommandSpec, field: ApiField, text: string): Json {
  const own = parse?.[field.name];
  if (own !== undefined) return own(text);
  if (field.in !== "body" || (field.type !== "number" && field.type !== "integer")) return text;
  const number = Number(text);
  if (text.trim() === "" || Number.isNaN(number))
    throw new UsageError(`--${optionName(field)}: "${text}" is not a number`);
  return number;
}
