import type { Executor } from '../query/index.ts';

/**
 * Statements about many rows are planned each time, for the tables as they are by then: a plan that was made when a repository
 * was empty, and kept, reads whole tables for each batch once it is not. Planning costs a batch a millisecond.
 */
export const plannedEachTime = (on: Executor): Executor => ({
  execute: (statement) => on.execute({ ...statement, prepare: false }),
});
