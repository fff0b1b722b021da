/** What comes first: the value, or the signal's abortion. What goes on behind it is nobody's unhandled rejection. */
export async function unlessAborted<T>(signal: AbortSignal, running: Promise<T>): Promise<T> {
  running.catch(() => {});
  let abort: (() => void) | undefined;
  try {
    return await Promise.race([
      running,
      new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason);
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort, { once: true });
      }),
    ]);
  } finally {
    if (abort) signal.removeEventListener('abort', abort);
  }
}
