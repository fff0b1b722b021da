import type { Face } from '../faces/index.ts';
import { countPending, deleteOldCommands } from '../queries/commands.ts';

const DAY_MS = 86_400_000;

/** For `runJanitor`: what is pending by queue, and the end of commands that ended longer ago than `retentionMs`, 90 days. */
export function commandsFace({ retentionMs = 90 * DAY_MS }: { readonly retentionMs?: number } = {}): Face {
  return {
    name: 'commands',
    sweeps: [
      {
        name: 'commands',
        when: 'seldom',
        page: ({ guarded }, page) =>
          deleteOldCommands(guarded, { page, olderThanMs: BigInt(Math.round(retentionMs)) }),
      },
    ],
    gauges: [
      {
        descriptions: {
          'holdfast.commands.pending': 'Commands that are pending, by queue',
          'holdfast.commands.oldest': 'Seconds since the oldest pending command was sent, by queue',
        },
        when: 'seldom',
        read: async ({ guarded }) => {
          const rows = await countPending(guarded);
          return {
            'holdfast.commands.pending': rows.map(({ queue, commands }) => [commands, { queue }] as const),
            'holdfast.commands.oldest': rows.map(
              ({ queue, oldestSeconds }) => [oldestSeconds, { queue }] as const,
            ),
          };
        },
      },
    ],
  };
}
