import { z } from 'zod';
import { checkOptions, invalidOption } from '../base/index.ts';

/** What a session may be in; `WORKING`: a live session holds it. */
export type OperationState = 'READY' | 'WORKING' | 'OK' | 'WARNING' | 'FAILED';

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, dots, dashes and underscores')
  .max(80);

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

/** Every change of state that is allowed, by who may make it. All others are InvalidTransitionError. */
export const TRANSITIONS = {
  /** `enable`, `rerun`: from nothing or a settled state. READY stays READY. */
  enable: { from: [undefined, 'OK', 'WARNING', 'FAILED'], to: ['READY'] },
  /** `take`, and nothing else. */
  take: { from: ['READY'], to: ['WORKING'] },
  /** The holder's `finish`, `update` and `error`. */
  settle: { from: ['WORKING'], to: ['OK', 'WARNING', 'FAILED'] },
  /** The worker was lost. */
  lose: { from: ['WORKING'], to: ['READY'] },
  /** `error` of an operation that nobody works on. */
  error: { from: [undefined, 'READY'], to: ['FAILED'] },
} as const satisfies Record<
  string,
  { from: readonly (OperationState | undefined)[]; to: readonly OperationState[] }
>;

/** Whether somebody who does not hold the operation may change its state so. Staying in a settled state changes none. */
export function allowsWithoutHold(from: OperationState | undefined, to: OperationState): boolean {
  if (from === to) return to !== 'WORKING';
  return [TRANSITIONS.enable, TRANSITIONS.error].some(
    (rule) =>
      (rule.from as readonly unknown[]).includes(from) && (rule.to as readonly unknown[]).includes(to),
  );
}
