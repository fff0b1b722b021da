import { HoldfastError } from '../../base/index.ts';

/** Somebody pressed Ctrl-C, or the process was told to end. Nothing half was left. */
export class InterruptedError extends HoldfastError {
  readonly code = 'HOLDFAST_INTERRUPTED';
}

/** Does something until Ctrl-C or SIGTERM aborts its signal; a second one ends the process at once. */
export async function interruptible<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const abort = () => stop.abort(new InterruptedError('interrupted: nothing of it was kept'));
  process.once('SIGINT', abort).once('SIGTERM', abort);
  try {
    return await act(stop.signal);
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
  }
}
