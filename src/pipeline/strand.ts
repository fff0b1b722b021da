import { AsyncLocalStorage } from 'node:async_hooks';

/** One who waits for a future. */
export interface Waiter {
  /** Where in the pipeline it waits; undefined: outside of the one that the future belongs to. */
  readonly strand: Strand | undefined;
  /** The item, for people. */
  describe(): string;
  /** Ends this wait with an error; the future and the others who wait for it are left alone. */
  reject(error: unknown): void;
}

/** A running pipeline, as futures see it. */
export interface FutureHost {
  /** Set when it has ended: nothing settles its futures any more. `cause`: what it failed with. */
  readonly over: { readonly cause?: unknown; readonly failed: boolean } | undefined;
  begun(waiter: Waiter): void;
  ended(waiter: Waiter): void;
}

/** A line of execution in a stage: the stage's generator, or one call that it tracks. */
export interface Strand {
  readonly host: FutureHost;
  readonly stage: string;
  /** Position of the stage in its pipeline; the source has 0. */
  readonly position: number;
  /** Of the pipeline in whose stage this one's pipeline runs. */
  readonly outer: Strand | undefined;
  /** Futures of its own pipeline that it waits for now. */
  awaits: number;
}

/** Which strand runs now. */
export const strands = new AsyncLocalStorage<Strand>();

/** The strand of that pipeline that runs now, also from inside of a pipeline that one of its stages runs. */
export function strandIn(host: FutureHost): Strand | undefined {
  let strand = strands.getStore();
  while (strand && strand.host !== host) strand = strand.outer;
  return strand;
}
