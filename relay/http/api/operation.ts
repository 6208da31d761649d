import type * as z from "zod";

/** `read` sees, `write` also acts. */
export const RIGHTS = ["read", "write"] as const;
export type Right = (typeof RIGHTS)[number];

/** Who sends a request. */
export interface Actor {
  readonly right: Right;
  /** For the audit line: the subject and id of a token, or the kind of credential. Never the credential. */
  readonly name: string;
  /** IP address. */
  readonly address: string;
}

/** What a request asks for, as its schemas read it. */
export interface Asked<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly actor: Actor;
  /** Names for the audit what the request changes, where its path does not: never a value that may be secret. */
  readonly about: (name: string) => void;
}

interface Described {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** Under `/api/v1`; parameters as `{name}`. */
  readonly path: string;
  /** Reading needs `read`, everything that changes something needs `write`. */
  readonly right: Right;
  /** The group in the document and in the command line, such as `sessions`. */
  readonly tag: string;
  /** Name in the document: unique, camel case. */
  readonly id: string;
  /** One line. */
  readonly summary: string;
}

interface Schemas<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> {
  readonly params?: Params;
  readonly query?: Query;
  /** JSON. */
  readonly body?: Body;
  readonly answer: Answer;
}

/** An operation of the API, its types erased: how the application, the document and tests see it. */
export interface Operation extends Described {
  readonly params: z.ZodObject | undefined;
  readonly query: z.ZodObject | undefined;
  readonly body: z.ZodType | undefined;
  readonly answer: z.ZodType;
  /** Called with what `params`, `query` and `body` have read. Throws `ApiProblem`; any other error is a defect. */
  run(asked: Asked<unknown, unknown, unknown>): Promise<unknown>;
}

/** Makes an operation from its schemas and its handler, whose types are those of the schemas. */
export function operation<
  Answer extends z.ZodType,
  Params extends z.ZodObject = z.ZodObject<Readonly<Record<string, never>>>,
  Query extends z.ZodObject = z.ZodObject<Readonly<Record<string, never>>>,
  Body extends z.ZodType = z.ZodUndefined,
>(
  described: Described & Schemas<Params, Query, Body, Answer>,
  handle: (
    asked: Asked<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => z.input<Answer> | Promise<z.input<Answer>>,
): Operation {
  const { params, query, body } = described;
  return {
    ...described,
    params,
    query,
    body,
    run: async ({ actor, about, ...asked }) =>
      await handle({
        actor,
        about,
        params: asked.params as z.output<Params>,
        query: asked.query as z.output<Query>,
        body: asked.body as z.output<Body>,
      }),
  };
}
