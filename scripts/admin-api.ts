/**
 * Writes cli/admin/api.json, from which the commands of `moqmesh admin` are made: `node scripts/admin-api.ts [--check]`. With `--check`
 * it changes nothing, and fails when the file is not what it would write.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { apiDescription } from "../relay/admin/index.ts";

const schema = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  default: z.unknown().optional(),
  description: z.string().optional(),
});
type Schema = z.output<typeof schema>;

const objectSchema = z.looseObject({
  properties: z.record(z.string(), schema).optional(),
  required: z.array(z.string()).optional(),
});

const documentSchema = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        operationId: z.string(),
        summary: z.string(),
        "x-right": z.string(),
        parameters: z.array(
          z.looseObject({
            name: z.string(),
            in: z.string(),
            required: z.boolean(),
            description: z.string().optional(),
            schema,
          }),
        ),
        requestBody: z
          .looseObject({
            content: z.looseObject({
              "application/json": z.looseObject({
                schema: objectSchema.extend({ anyOf: z.array(objectSchema).optional() }),
              }),
            }),
          })
          .optional(),
      }),
    ),
  ),
});
type Described = z.output<typeof documentSchema>["paths"][string][string];

const file = fileURLToPath(new URL("../cli/admin/api.json", import.meta.url));
if (!process.argv.includes("--check")) {
  writeFileSync(file, adminApi());
} else if (readFileSync(file, "utf8") !== adminApi()) {
  console.error('cli/admin/api.json is not up to date: run "npm run docs:cli"');
  process.exitCode = 1;
}

/** The part of the API's document that the command line is made from. */
function adminApi(): string {
  const { paths } = documentSchema.parse(apiDescription(""));
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({
      id: one.operationId,
      method: method.toUpperCase(),
      path: path.replace("/api/v1", ""),
      right: one["x-right"],
      summary: one.summary,
      fields: [...one.parameters.map((each) => fieldOf(each.name, each.in, each.required, each)), ...bodyOf(one)],
    })),
  );
  return `${JSON.stringify({ operations }, null, 2)}\n`;
}

/** The fields of the body; those of all forms when it has several. A body whose keys are free has none. */
function bodyOf({ requestBody }: Described) {
  const body = requestBody?.content["application/json"].schema;
  if (body === undefined) return [];
  const forms = [body, ...(body.anyOf ?? [])];
  const fields = new Map(
    forms.flatMap(({ properties = {}, required = [] }) =>
      Object.entries(properties).map(([name, one]) => [
        name,
        fieldOf(name, "body", body.anyOf === undefined && required.includes(name), { schema: one }),
      ]),
    ),
  );
  return [...fields.values()];
}

function fieldOf(
  name: string,
  place: string,
  required: boolean,
  one: { description?: string | undefined; schema: Schema },
) {
  const { type = "string", enum: values, default: otherwise, description } = one.schema;
  const text = one.description ?? description;
  return {
    name,
    in: place,
    required,
    type,
    ...(values !== undefined && { values }),
    ...(["string", "number", "boolean"].includes(typeof otherwise) && { default: otherwise }),
    ...(text !== undefined && { description: text }),
  };
}
