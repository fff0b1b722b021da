/** Even a session of a short interval waits so long for an answer. */
export const LEAST_PATIENCE_MS = 5_000;
