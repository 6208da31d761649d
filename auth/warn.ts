/** Stable names of what is unwise about files of keys and revocations, though the relay starts with them. */
export type FileAdvice = "key_not_used" | "key_private" | "key_signs_only" | "keys_empty" | "secret_readable";

/** A line for the log. `advice` is set where it is about a file. */
export type Warn = (message: string, error?: unknown, advice?: FileAdvice) => void;
