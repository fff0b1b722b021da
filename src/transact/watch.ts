import { ConnectionLostError, LEAST_PATIENCE_MS, LONGEST_TIMER_MS } from '../base/index.ts';
import type { DriverConnection } from '../database/index.ts';

/** How long a server may take, in milliseconds. */
export interface Patience {
  /** The answer to BEGIN, a fence, a seal, COMMIT or a savepoint. */
  readonly ownMs: number;
  /** The answer to a statement of the callback. */
  readonly statementMs: number;
}

/** What a server has left unanswered: `own` is a message of the attempt's, `statement` one of the callback's. */
export type Silence = 'own' | 'statement';

/** Cuts the connection when its server leaves a message unanswered for too long. */
export class Watch {
  readonly #connection: DriverConnection;
  readonly #patience: Patience | undefined;
  /** Oldest first: answers come in order. */
  readonly #unanswered: Silence[] = [];
  /** Since when the oldest one is waited for. */
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #silence: Silence | undefined;

  constructor(connection: DriverConnection, patience: Patience | undefined) {
    this.#connection = connection;
    this.#patience = patience;
  }

  get silence(): Silence | undefined {
    return this.#silence;
  }

  over<T>(kind: Silence, answer: Promise<T>): Promise<T> {
    if (!this.#patience) return answer;
    if (this.#unanswered.push(kind) === 1) this.#since = performance.now();
    this.#timer ??= this.#check(this.#patience);
    answer.then(this.#answered, this.#answered);
    return answer;
  }

  readonly #answered = (): void => {
    this.#unanswered.shift();
    this.#since = performance.now();
    if (this.#unanswered.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  };

  /** Looks again when the oldest answer is due; a timer for each answer would cost more than the answer. */
  #check(patience: Patience): NodeJS.Timeout | undefined {
    const kind = this.#unanswered[0]!;
    const ms = kind === 'own' ? patience.ownMs : patience.statementMs;
    const leftMs = this.#since + ms - performance.now();
    if (leftMs <= 0) {
      this.#silence = kind;
      this.#connection.destroy(new ConnectionLostError(`the server did not answer within ${ms} ms`));
      return undefined;
    }
    const again = () => {
      this.#timer = this.#check(patience);
    };
    return setTimeout(again, Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS));
  }
}

/** What an interval of the session, in milliseconds, says about how long to wait for its server. */
export const patienceOf = (intervalMs: number, deadlineMs = 0): Patience => ({
  ownMs: Math.max(intervalMs, LEAST_PATIENCE_MS),
  statementMs: Math.max(6 * intervalMs, 6 * LEAST_PATIENCE_MS, deadlineMs),
});
