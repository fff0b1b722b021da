import { z } from 'zod';
import { checkOptions } from '../base/index.ts';
import type { Face } from '../faces/index.ts';
import { countWorkflows, deleteEndedWorkflows } from '../queries/workflows.ts';

const optionsSchema = z.strictObject({
  /** Instances that have ended, with their history and signals, are kept this long. `Infinity` keeps them for good. */
  retentionMs: z.union([z.number().min(0), z.literal(Infinity)]).optional(),
});

/**
 * For `runJanitor`: how many instances there are, and the sweep of those that have ended: `retentionMs` ago, 90 days unless
 * said; with their history and signals. Throws MisuseError.
 */
export function workflowsFace(options: { readonly retentionMs?: number } = {}): Face {
  const { retentionMs = 90 * 86_400_000 } = checkOptions(optionsSchema, options);
  return {
    name: 'workflows',
    sweeps: [
      {
        name: 'workflows',
        when: 'seldom',
        page: async ({ guarded }, page) =>
          retentionMs === Infinity
            ? 0
            : (await deleteEndedWorkflows(guarded, { page, olderThanMs: BigInt(Math.round(retentionMs)) }))
                .length,
      },
    ],
    gauges: [
      {
        descriptions: {
          'holdfast.workflows': 'Instances by workflow, state, and whether they are open, stuck or ended',
        },
        when: 'seldom',
        read: async ({ guarded }) => ({
          'holdfast.workflows': (await countWorkflows(guarded)).map(
            ({ workflow, state, condition, instances }) =>
              [instances, { workflow, state, condition }] as const,
          ),
        }),
      },
    ],
  };
}
