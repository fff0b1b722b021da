import { HoldfastError } from '../base/index.ts';

/**
 * Why a future has no value:
 *
 * - `stuck`: every stage waits, and none can bring the item on: a stage that gathers holds it until its input ends, a
 *   stage has dropped it, or the stage that waits for it holds it itself.
 * - `dropped`: a stage took the item out of the stream.
 * - `ended`: the pipeline has ended, or the item has come to its end, and no stage has settled the future.
 * - `failed`: the pipeline failed or was canceled; `cause` is its error.
 */
export type FutureReason = 'stuck' | 'dropped' | 'ended' | 'failed';

/** The future of an item will never have a value. */
export class FutureError extends HoldfastError {
  readonly code = 'HOLDFAST_FUTURE_UNRESOLVED';
  readonly reason: FutureReason;
  /** The item, as text. */
  readonly item: string;
  /** The stage that waited for it, where that is known. */
  readonly stage: string | undefined;

  constructor(
    reason: FutureReason,
    item: string,
    why: string,
    options?: { stage?: string | undefined; cause?: unknown },
  ) {
    super(`${options?.stage === undefined ? '' : `${options.stage} waits for `}${item}: ${why}`, options);
    this.reason = reason;
    this.item = item;
    this.stage = options?.stage;
  }
}

/** More items came to a stage that gathers than it may hold. */
export class GatherLimitError extends HoldfastError {
  readonly code = 'HOLDFAST_GATHER_LIMIT';
  readonly stage: string;
  readonly maxItems: number;

  constructor(stage: string, maxItems: number) {
    super(
      `${stage} holds every item in memory until its input ends, and more than ${maxItems} have come: ` +
        'raise maxItems if they fit, or use a stage that takes them batch by batch',
    );
    this.stage = stage;
    this.maxItems = maxItems;
  }
}
