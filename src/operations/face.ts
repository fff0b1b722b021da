import { countOperations } from '../queries/operations.ts';
import type { Face } from '../upkeep/index.ts';

/** For `runJanitor`: how many operations there are, by kind and state. */
export const operationsFace: Face = {
  name: 'operations',
  gauges: [
    {
      descriptions: { 'holdfast.operations': 'Operations by kind and state' },
      when: 'seldom',
      read: async ({ guarded }) => ({
        'holdfast.operations': (await countOperations(guarded, { kinds: null })).map(
          ({ kind, state, operations }) => [operations, { kind, state }] as const,
        ),
      }),
    },
  ],
};
