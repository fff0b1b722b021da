import type { Outcome } from './hooks.ts';
import { Scope } from './scope.ts';
import type { Transaction } from './transaction.ts';

/**
 * For the library's own handles, which must not stay undecided: unlike the hooks that users have, this calls back also
 * when the answer to the commit was lost. Once for each attempt, at the latest when it ends.
 */
export function onOutcome(tx: Transaction, hook: (outcome: Outcome) => void): void {
  if (!(tx instanceof Scope)) throw new TypeError('not a transaction of transact');
  tx.onOutcome(['committed', 'rolled-back', 'unknown'], hook);
}

/** Whether it is nested in another one. */
export const isPart = (tx: Transaction): boolean => tx instanceof Scope && tx.isPart;
