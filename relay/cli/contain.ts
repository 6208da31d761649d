/**
 * The last guard: an error that nothing else has caught (in a timer, an event of a socket, a promise) is reported, and the process goes
 * on, because ending it would take every session with it. Until the returned function is called.
 */
export function containDefects(report: (error: unknown) => void): () => void {
  const contain = (error: unknown) => report(error);
  process.on("uncaughtException", contain);
  process.on("unhandledRejection", contain);
  return () => {
    process.off("uncaughtException", contain);
    process.off("unhandledRejection", contain);
  };
}
