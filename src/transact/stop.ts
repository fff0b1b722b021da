import { DeadlineExceededError, LONGEST_TIMER_MS } from '../base/index.ts';
import type { TransactOptions } from './options.ts';

/** What may end a transaction early. */
export interface StopSources {
  readonly name: string;
  readonly deadlineMs?: number | undefined;
  /** The caller's. */
  readonly signal?: AbortSignal | undefined;
  /** Aborts when the session expires. */
  readonly session?: AbortSignal | undefined;
}

/** How long the server has to answer once the transaction was stopped, before its connection is cut. */
const GRACE_MS = 1_000;

/**
 * Joins the caller's signal, the deadline and the session into one signal. Some time after it aborts `cut` is
 * called, so that a server that no longer answers cannot hold the caller; but a commit that is under way is
 * not cut because the caller lost interest, only when the deadline has passed or the session has ended.
 */
export class Stop implements Disposable {
  readonly #abort = new AbortController();
  readonly #undo: (() => void)[] = [];
  readonly #late: string;
  #byDeadline = false;
  #byCaller = false;
  /** The commit was sent and not answered yet. */
  committing = false;

  constructor({ name, deadlineMs, signal, session }: StopSources, cut: () => void) {
    signal?.throwIfAborted();
    this.#follow(signal, (already) => {
      this.#byCaller ||= !already;
    });
    this.#follow(session, () => {
      this.#byCaller = false;
    });
    this.#late = `transaction ${name} did not finish within ${deadlineMs} ms`;
    if (deadlineMs !== undefined) this.#after(deadlineMs, () => this.expire());
    this.signal.addEventListener('abort', () => this.#after(GRACE_MS, () => this.#cutUnlessWanted(cut)));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The deadline was what stopped it. */
  get byDeadline(): boolean {
    return this.#byDeadline;
  }

  /** The deadline has passed. */
  expire(): void {
    // Even if the caller has stopped it before: the commit is waited for no longer.
    this.#byCaller = false;
    if (this.signal.aborted) return;
    this.#byDeadline = true;
    this.#abort.abort(new DeadlineExceededError(this.#late));
  }

  /** Forgets every source; nothing happens any more. */
  [Symbol.dispose](): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #cutUnlessWanted(cut: () => void): void {
    if (!this.committing || !this.#byCaller) cut();
    else this.#after(GRACE_MS, () => this.#cutUnlessWanted(cut));
  }

  #follow(signal: AbortSignal | undefined, note: (already: boolean) => void): void {
    const abort = () => {
      note(this.signal.aborted);
      if (this.signal.aborted) return;
      this.#abort.abort(signal?.reason);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    this.#undo.push(() => signal?.removeEventListener('abort', abort));
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(act, Math.min(ms, LONGEST_TIMER_MS));
    this.#undo.push(() => clearTimeout(timer));
  }
}

/** What ends a nested transaction before the whole ends. */
export interface PartLimits extends Disposable {
  /** Aborts when it must end; the outer one's signal when it has no limits of its own. */
  readonly signal: AbortSignal;
}

/**
 * A nested transaction's own signal and deadline, joined to those of the outer one. They are looked at between its
 * statements: a cancel on the server would end the whole.
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
          () =>
            late.abort(
              new DeadlineExceededError(`nested transaction ${name} did not finish within ${deadlineMs} ms`),
            ),
          Math.min(deadlineMs, LONGEST_TIMER_MS),
        );
  return {
    signal: AbortSignal.any([outer, late.signal, ...(signal ? [signal] : [])]),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
