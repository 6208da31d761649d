/**
 * The schema of a Terraform provider from its typed bindings of the CDK for Terraform (`cdktn`, before `cdktf`): each class of the bindings carries, as comments
 * and types, what the provider says about a resource.
 */

/** An attribute as `tofu providers schema -json` has it; `type` is `"string"`, `["list", "string"]`, `["object", {…}]`. */
export interface Attribute {
  readonly type: unknown;
  readonly required?: true;
  readonly optional?: true;
  readonly computed?: true;
}

/** A nested block: how often it may stand in its parent, and what is in it. */
export interface NestedBlock {
  readonly nesting_mode: "list" | "set" | "single";
  readonly min_items?: number;
  readonly max_items?: number;
  readonly block: Block;
}

/** What may stand in a resource or a block. */
export interface Block {
  readonly attributes: Record<string, Attribute>;
  readonly block_types?: Record<string, NestedBlock>;
}

interface Member {
  readonly name: string;
  readonly required: boolean;
  readonly optional: boolean;
  readonly computed: boolean;
  readonly code: string;
}

const GETTERS: Readonly<Record<string, unknown>> = {
  getStringAttribute: "string",
  getNumberAttribute: "number",
  getBooleanAttribute: "bool",
  getListAttribute: ["list", "string"],
  getNumberListAttribute: ["list", "number"],
  getStringMapAttribute: ["map", "string"],
  getNumberMapAttribute: ["map", "number"],
  getBooleanMapAttribute: ["map", "bool"],
  getAnyMapAttribute: ["map", "dynamic"],
  getAnyAttribute: "dynamic",
};

const HELPERS: Readonly<Record<string, unknown>> = {
  StringMap: ["map", "string"],
  NumberMap: ["map", "number"],
  BooleanMap: ["map", "bool"],
  StringMapList: ["list", ["map", "string"]],
};

/** The block of the resource or data source that the text of one `index.js` of the bindings defines. */
export function readBindings(text: string): Block {
  const classes = new Map<string, string>();
  let top: string | undefined;
  for (const [, name = "", base = "", body = ""] of text.matchAll(
    /^class (\w+) extends cdktn?f?\.(\w+) \{\n([\s\S]*?)^\}/gm,
  )) {
    classes.set(name, body);
    if (/^Terraform(Resource|DataSource)$/.test(base)) top = name;
  }
  if (top === undefined) throw new Error("the bindings define no resource");
  return new Reader(text, classes).block(top);
}

/** The block of the configuration of a provider. Its classes have no types, so this reads what they write. Every part counts as optional. */
export function readProvider(text: string): Block {
  const [, fields = ""] = /^ {4}synthesizeHclAttributes\(\) \{\n([\s\S]*?)^ {4}\}/m.exec(text) ?? [];
  return writtenBlock(text, fields);
}

const WRITTEN: Readonly<Record<string, string>> = { string: "string", number: "number", boolean: "bool" };

function writtenBlock(text: string, fields: string): Block {
  const attributes: Record<string, Attribute> = {};
  const blocks: Record<string, NestedBlock> = {};
  const field = /(\w+): \{\s+value: .*,\s+isBlock: (true|false),\s+type: "(\w+)",\s+storageClassType: "(\w+)"/g;
  for (const [, name = "", isBlock, mode, kept = ""] of fields.matchAll(field)) {
    if (name === "alias") continue;
    if (isBlock === "true") {
      const struct = kept.replace(/List$/, "");
      const writer = `${struct.slice(0, 1).toLowerCase()}${struct.slice(1)}ToHclTerraform`;
      const [, inner = ""] = new RegExp(`^function ${writer}\\(struct\\) \\{\\n([\\s\\S]*?)^\\}`, "m").exec(text) ?? [];
      blocks[name] = { nesting_mode: mode === "set" ? "set" : "list", block: writtenBlock(text, inner) };
    } else {
      attributes[name] = { type: writtenType(kept, mode === "set"), optional: true };
    }
  }
  return { attributes, ...(Object.keys(blocks).length === 0 ? {} : { block_types: blocks }) };
}

function writtenType(kept: string, set: boolean): unknown {
  const [, item = "", many] = /^(string|number|boolean)(List|Map)?$/.exec(kept) ?? [];
  const type = WRITTEN[item];
  if (type === undefined) throw new Error(`unknown type ${kept}`);
  if (many === undefined) return type;
  return [many === "Map" ? "map" : set ? "set" : "list", type];
}

class Reader {
  readonly #text: string;
  readonly #classes: ReadonlyMap<string, string>;

  constructor(text: string, classes: ReadonlyMap<string, string>) {
    this.#text = text;
    this.#classes = classes;
  }

  block(name: string): Block {
    const attributes: Record<string, Attribute> = {};
    const blocks: Record<string, NestedBlock> = {};
    for (const member of members(this.#body(name))) {
      const [, inner, set] = /= new (\w+)\(this, "\w+"(?:, (true|false))?\)/.exec(member.code) ?? [];
      if (inner === undefined || member.computed) {
        attributes[member.name] = {
          type: inner === undefined ? simpleType(member) : this.#objects(inner, set === "true"),
          ...(member.required ? { required: true } : {}),
          ...(member.optional ? { optional: true } : {}),
          ...(member.computed ? { computed: true } : {}),
        };
      } else {
        blocks[member.name] = this.#nested(inner, member);
      }
    }
    return { attributes, ...(Object.keys(blocks).length === 0 ? {} : { block_types: blocks }) };
  }

  #nested(inner: string, member: Member): NestedBlock {
    const struct = inner.replace(/(OutputReference|List|Map)$/, "");
    const one = inner.endsWith("OutputReference");
    const [, mode] =
      new RegExp(`isBlock: true,\\s+type: "(\\w+)",\\s+storageClassType: "${struct}(?:List|Map)?"`).exec(this.#text) ??
      [];
    const nesting = mode === "struct" ? "single" : mode;
    if (nesting !== "list" && nesting !== "set" && nesting !== "single")
      throw new Error(`${member.name}: unknown nesting ${mode}`);
    return {
      nesting_mode: nesting,
      ...(member.required && nesting !== "single" ? { min_items: 1 } : {}),
      ...(one && nesting !== "single" ? { max_items: 1 } : {}),
      block: this.block(`${struct}OutputReference`),
    };
  }

  /** The type of an attribute whose values are objects, as one that the cloud computes. */
  #objects(inner: string, set: boolean): unknown {
    const struct = inner.replace(/(OutputReference|List|Map)$/, "");
    const { attributes } = this.block(`${struct}OutputReference`);
    const object = ["object", Object.fromEntries(Object.entries(attributes).map(([name, { type }]) => [name, type]))];
    if (inner.endsWith("OutputReference")) return object;
    return [inner.endsWith("Map") ? "map" : set ? "set" : "list", object];
  }

  #body(name: string): string {
    const body = this.#classes.get(name);
    if (body === undefined) throw new Error(`the bindings have no class ${name}`);
    return body;
  }
}

function members(body: string): Member[] {
  const parts = body.split(/^ {4}\/\/ (?=\w+ - computed: )/m).slice(1);
  return parts.map((code) => {
    const [, name = "", computed, optional, required] =
      /^(\w+) - computed: (\w+), optional: (\w+), required: (\w+)/.exec(code) ?? [];
    return { name, computed: computed === "true", optional: optional === "true", required: required === "true", code };
  });
}

function simpleType({ name, code }: Member): unknown {
  const [, helper] = /= new cdktn?f?\.(\w+)\(this/.exec(code) ?? [];
  if (helper !== undefined && HELPERS[helper] !== undefined) return HELPERS[helper];
  const [, getter] =
    /return (?:cdktn?f?\.Fn\.tolist\(|cdktn?f?\.Token\.asNumberList\()*this\.(\w+)\('/.exec(code) ?? [];
  const type = getter === undefined ? undefined : GETTERS[getter];
  if (type === undefined) throw new Error(`${name}: unknown type of ${code.slice(0, 300)}`);
  return /Fn\.tolist\(/.test(code) && Array.isArray(type) ? ["set", type[1]] : type;
}
