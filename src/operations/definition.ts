import { z } from 'zod';
import { checkOptions, invalidOption, nameSchema as name } from '../base/index.ts';

/** What an operation may be in; `WORKING`: a live session holds it. */
export type OperationState = 'READY' | 'WORKING' | 'OK' | 'WARNING' | 'FAILED';

export const pipelineSchema = z.strictObject({
  /** Name of the pipeline: letters, digits, dots, dashes and underscores, at most 80. */
  name,
  /** Names of its operations. `delete` is reserved. */
  operations: z
    .array(name.refine((value) => value !== 'delete', '"delete" is reserved'))
    .min(1)
    .max(100),
});

/** What a pipeline is called and which operations its targets have. */
export interface PipelineDefinition<Operation extends string> {
  readonly name: string;
  readonly operations: readonly Operation[];
}

/** Throws MisuseError naming what is wrong. */
export function checkDefinition<O extends string>(given: PipelineDefinition<O>): PipelineDefinition<O> {
  const { name: pipeline, operations } = checkOptions(pipelineSchema, given as never);
  if (new Set(operations).size < operations.length)
    throw invalidOption('operations', 'has the same name twice');
  return { name: pipeline, operations: operations as O[] };
}

/**
 * Whether somebody who does not hold the operation may write this state: `error` of one that nobody has settled, and again
 * what it is settled as. READY is what `enable` makes, WORKING what `take` does, all else the holder's end.
 */
export const allowsWithoutHold = (from: OperationState | undefined, to: OperationState): boolean =>
  from === to || (to === 'FAILED' && (from === undefined || from === 'READY'));
