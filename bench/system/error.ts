/** Something that keeps the bench from measuring; the message is for the person who started it. */
export class BenchError extends Error {
  constructor(message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = "BenchError";
  }
}
