/** Even a session of a short interval waits so long for an answer. */
export const LEAST_PATIENCE_MS = 5_000;

/** Resolves with the promise, or after so long without it. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
