import { z } from 'zod';
import { checkOptions, invalidOption } from '../base/index.ts';
import {
  pauseKind,
  quarantineWork,
  releaseQuarantine,
  resumeKind,
  setKind,
  wakeWork,
} from '../queries/work.ts';
import type { Executor } from '../query/index.ts';
import { checkCause } from './options.ts';
import { checkKind } from './source.ts';

export const kindOptionsSchema = z.strictObject({
  /** Targets that failed or were abandoned so many times in a row are quarantined. Default: never. */
  quarantineAfter: z.int().min(1).max(1_000_000).optional(),
  /** False: work that finishes leaves no row in the history. Failures and all else always do. Default true. */
  keepFinished: z.boolean().optional(),
});

/** The policy of a kind of work; each option has a default. */
export type KindOptions = z.input<typeof kindOptionsSchema>;

/** What operators and programs decide about kinds of work; every change that an operator makes is in the history. */
export interface Kinds {
  /** Sets the policy of a kind, all of it: what is not given gets its default. Throws MisuseError. */
  set(kind: string, options: KindOptions): Promise<void>;
  /** Nothing of the kind is claimed from now on; what is held goes on. False: it was paused. `cause` is for the history. */
  pause(kind: string, cause: string): Promise<boolean>;
  /** The opposite. False: it was not paused. */
  resume(kind: string, cause: string): Promise<boolean>;
  /**
   * Lets a target be tried again: forgets its failures, its backoff and its park. False: there is nothing to forget, or a
   * live session holds it.
   */
  release(kind: string, target: string, cause: string): Promise<boolean>;
  /**
   * Keeps a target from being tried until somebody releases it, as if it had failed too often. False: a live session holds it.
   * Throws MisuseError for a kind without `quarantineAfter`.
   */
  quarantine(kind: string, target: string, cause: string): Promise<boolean>;
  /**
   * Ends the parks of targets, so that they can be claimed at once. One that is held does not stay parked when its holder
   * parks it. Gives how many it was true of.
   */
  wake(kind: string, targets: readonly string[]): Promise<number>;
}

export function kindsOf(executor: Executor & { announce(kind: string): Promise<void> }): Kinds {
  return {
    async set(kind, options) {
      const { quarantineAfter, keepFinished } = checkOptions(kindOptionsSchema, options);
      await setKind(executor, {
        kind: checkKind(kind),
        quarantineAfter: quarantineAfter === undefined ? null : BigInt(quarantineAfter),
        keepFinished: keepFinished ?? true,
      });
    },
    async pause(kind, cause) {
      return (await pauseKind(executor, { kind: checkKind(kind), cause: checkCause(cause) })).paused > 0n;
    },
    async resume(kind, cause) {
      const { resumed } = await resumeKind(executor, { kind: checkKind(kind), cause: checkCause(cause) });
      if (resumed > 0n) await executor.announce(kind);
      return resumed > 0n;
    },
    async release(kind, target, cause) {
      const named = { kind: checkKind(kind), target: checkCause(target), cause: checkCause(cause) };
      const { released } = await releaseQuarantine(executor, named);
      if (released > 0n) await executor.announce(kind);
      return released > 0n;
    },
    async quarantine(kind, target, cause) {
      const named = { kind: checkKind(kind), target: checkCause(target), cause: checkCause(cause) };
      const { policies, quarantined } = await quarantineWork(executor, named);
      if (policies === 0n)
        throw invalidOption('kind', `${kind} has no quarantineAfter, so nothing of it is ever quarantined`);
      return quarantined > 0n;
    },
    async wake(kind, targets) {
      if (!Array.isArray(targets)) throw invalidOption('targets', 'expected an array of texts');
      const woken = await wakeWork(executor, { kind: checkKind(kind), targets: [...targets] });
      if (woken > 0) await executor.announce(kind);
      return Number(woken);
    },
  };
}
