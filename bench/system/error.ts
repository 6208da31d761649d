/** The bench cannot measure. The message is for the person who started it. */
export class BenchError extends Error {
  constructor(message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = "BenchError";
  }
}
