import type { Seal } from './fence.ts';
import type { Outcome } from './hooks.ts';
import { Scope } from './scope.ts';
import type { Transaction } from './transaction.ts';

/**
 * For the library's own handles, which must not stay undecided: unlike the hooks that users have, this calls back also
 * when the answer to the commit was lost. Once for each attempt, at the latest when it ends.
 */
export function onOutcome(tx: Transaction, hook: (outcome: Outcome) => void): void {
  scopeOf(tx).onOutcome(['committed', 'rolled-back', 'unknown'], hook);
}

/**
 * Proves something once more when the transaction commits, in the same message as COMMIT, on both engines. A seal
 * replaces an earlier one of the same owner. A part that is rolled back alone takes back what it sealed and unsealed.
 */
export function seal(tx: Transaction, what: Seal): void {
  scopeOf(tx).seal(what);
}

/** Takes the owner's seal back: for the statement that itself ends what the seal proves. */
export function unseal(tx: Transaction, owner: object): void {
  scopeOf(tx).unseal(owner);
}

function scopeOf(tx: Transaction): Scope {
  if (!(tx instanceof Scope)) throw new TypeError('not a transaction of transact');
  return tx;
}

/** Whether it is nested in another one. */
export const isPart = (tx: Transaction): boolean => tx instanceof Scope && tx.isPart;
