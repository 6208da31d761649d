import { type AnySection, fieldOf, policySection, sections } from "../../relay/config/index.ts";

/** The type of a configuration as programs write it, with the description of each key: `config-values.d.ts` of the package. */
export function configValuesType(): string {
  const members = [...sections].map(([name, section]) => {
    const type = indented(objectType(section, []));
    return `${indented(comment(section.description))}\n  readonly ${name}?: ${type.trimStart()};`;
  });
  return `/** A configuration by section and key. Every key is optional; docs/config.md has the same text. */
export interface RelayConfig {
${members.join("\n")}
}

${comment(policySection.description)}
export interface PolicyConfig ${objectType(policySection, ["prefix"])}
`;
}

function objectType(section: AnySection, required: readonly string[]): string {
  const members = Object.keys(section.schema.shape).map((key) => {
    const name = required.includes(key) ? `readonly ${key}: ` : `readonly ${key}?: `;
    const type = `${typeOf(section, key)}${required.includes(key) ? "" : " | undefined"}`;
    return indented(`${comment(descriptionOf(section, key))}\n${name}${type};`);
  });
  return `{\n${members.join("\n")}\n}`;
}

function descriptionOf(section: AnySection, key: string): string {
  const { description = "", default: standard = "", fallback } = fieldOf(section, key) ?? {};
  const otherwise = fallback ?? (standard === "" ? "" : `\`${standard}\``);
  return otherwise === "" ? description : `${description} Default: ${otherwise}.`;
}

function typeOf(section: AnySection, key: string): string {
  const field = fieldOf(section, key);
  if (field === undefined) throw new Error(`${section.name}.${key} is not described`);
  const union = field.choices?.map((choice) => JSON.stringify(choice)).join(" | ");
  switch (field.kind) {
    case "text":
    case "duration":
      return "string";
    case "integer":
      return "number";
    case "boolean":
      return "boolean";
    case "choice":
      return union ?? "string";
    case "list":
      return `readonly ${union === undefined ? "string" : `(${union})`}[]`;
    case "size":
      return "string | number";
    case "tables":
      return "readonly PolicyConfig[]";
  }
}

function comment(text: string): string {
  return `/** ${text.replaceAll("*/", "*\\/")} */`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
