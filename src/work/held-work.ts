import { type LeaseLostError, MisuseError } from '../base/index.ts';
import type { Claimed, HeldKey } from './source.ts';

/** How a piece of work ended, as its history says it. */
export type WorkResult = 'finished' | 'failed' | 'canceled' | 'parked';

/**
 * A claimed piece of work as its own process sees it.
 *
 *             begin              end
 *     held ----------> ending ----------> ended
 *      ^                 |
 *      +---- reopen -----+    the end did not take place, or it is not known whether it did
 *
 * `lost` beside it: the database said that it was taken over. It stays held, and every further call is refused by the
 * server.
 */
export class HeldWork {
  readonly sessionId: string;
  readonly kind: string;
  readonly target: string;
  readonly token: bigint;
  readonly backoffSeconds: number | undefined;
  readonly keys: readonly HeldKey[];
  /** Called once, when it has ended or was lost. */
  onEnd: ((result: WorkResult) => void) | undefined;
  onLoss: ((error: LeaseLostError) => void) | undefined;
  #state: 'held' | 'ending' | 'ended' = 'held';

  constructor(sessionId: string, kind: string, claimed: Claimed) {
    this.sessionId = sessionId;
    this.kind = kind;
    this.target = claimed.target;
    this.token = claimed.token;
    this.backoffSeconds = claimed.backoffSeconds;
    this.keys = claimed.keys;
  }

  get state(): 'held' | 'ending' | 'ended' {
    return this.#state;
  }

  assertHeld(action: string): void {
    if (this.#state !== 'held')
      throw new MisuseError(
        'HOLDFAST_WORK_ENDED',
        `${action}: ${this.kind} of ${this.target} has already ended`,
      );
  }

  begin(): void {
    this.#state = 'ending';
  }

  reopen(): void {
    if (this.#state === 'ending') this.#state = 'held';
  }

  end(result: WorkResult): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.onEnd?.(result);
  }

  lose(error: LeaseLostError): void {
    this.onLoss?.(error);
  }
}
