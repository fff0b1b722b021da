import { DeadlineExceededError, LONGEST_TIMER_MS } from '../base/index.ts';
import type { TransactOptions } from './options.ts';

/** What ends a nested part before its transaction ends. */
export interface PartLimits extends Disposable {
  /** Aborts when the part must end; the outer part's when it has no limits of its own. */
  readonly signal: AbortSignal;
}

/**
 * A nested call's own signal and deadline, joined to those of what it is nested in. They are looked at between the
 * part's statements: canceling on the server what others may be waiting for as well would end the whole.
 */
export function limitPart(
  name: string,
  { signal, deadlineMs }: TransactOptions,
  outer: AbortSignal,
): PartLimits {
  if (!signal && deadlineMs === undefined) return { signal: outer, [Symbol.dispose]: () => {} };
  const late = new AbortController();
  const timer =
    deadlineMs === undefined
      ? undefined
      : setTimeout(
          () => late.abort(new DeadlineExceededError(`part ${name} did not finish within ${deadlineMs} ms`)),
          Math.min(deadlineMs, LONGEST_TIMER_MS),
        );
  return {
    signal: AbortSignal.any([outer, late.signal, ...(signal ? [signal] : [])]),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
