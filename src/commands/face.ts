import { clock, type Face, type Fact, type Finding, type HistoryEvent, inOrder } from '../faces/index.ts';
import {
  type CommandsOfRow,
  commandsOf,
  countPending,
  deleteOldCommands,
  type QueuesOfRow,
  queuesOf,
} from '../queries/commands.ts';
import type { Executor } from '../query/index.ts';
import { commandsPages, queueName } from './pages.ts';

const DAY_MS = 86_400_000;
const PAGE = 500n;

/**
 * For `runJanitor`: what is pending by queue, and the end of commands that ended longer ago than `retentionMs`, 90 days. For
 * `explain` and `history`: the commands of a target, in whichever queues.
 */
export function commandsFace({ retentionMs = 90 * DAY_MS }: { readonly retentionMs?: number } = {}): Face {
  return {
    name: 'commands',
    rights: {
      worker: {
        'SELECT, INSERT, UPDATE, DELETE': [
          'holdfast.command',
          'holdfast.command_target',
          'holdfast.command_queue',
          'holdfast.note',
        ],
      },
      janitor: { 'SELECT, DELETE': ['holdfast.command'] },
      operator: {
        SELECT: ['holdfast.command_queue'],
        'SELECT, INSERT, UPDATE': ['holdfast.command', 'holdfast.command_target'],
      },
      client: {
        SELECT: ['holdfast.command_queue'],
        'SELECT, INSERT, UPDATE': ['holdfast.command', 'holdfast.command_target', 'holdfast.topic'],
      },
    },
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
        units: { 'holdfast.commands.oldest': 's' },
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
    explain: async (on, target) => {
      const rows = await queuesOf(on, { target });
      return {
        facts: rows.map(factOf),
        findings: rows.flatMap(findingOf),
        work: rows.map(({ queue, dueAt, isLater }) => ({ kind: queue, waits: dueAt !== null && !isLater })),
        offers: rows.flatMap(({ queue, sequence, commands }) => {
          const args = { queue: queueName(queue), target };
          return [
            ...(sequence === null
              ? []
              : [{ action: 'cancel-command', args: { ...args, number: String(sequence) } }]),
            { action: 'send-command', args, choices: { command: Object.keys(commands ?? {}) } },
          ];
        }),
      };
    },
    pages: commandsPages,
    history: async function* (on, target) {
      const queues = await queuesOf(on, { target });
      yield* inOrder(
        queues.flatMap(({ queue }) => [
          eventsOf(on, queue, target, sent),
          eventsOf(on, queue, target, ended),
        ]),
      );
    },
  };
}

/** A queue with its first pending command. */
const factOf = ({ queue, lastSequence, pending, ...first }: QueuesOfRow): Fact => ({
  queue,
  sent: lastSequence,
  pending,
  first: first.command === null ? null : `${first.sequence} ${first.command}`,
  'sent at': first.sentAt,
  author: first.author,
  failures: first.attempts,
  reason: first.reason,
  'look at': first.dueAt,
});

/** What is due is judged by its lock row. */
function findingOf(row: QueuesOfRow): readonly Finding[] {
  const { queue, command, sequence, dueAt, isLater, now, reason } = row;
  if (command === null || dueAt === null || !isLater) return [];
  const because = reason === null ? '' : `: ${reason}`;
  const text = `command ${command} (${sequence}) is looked at again at ${clock(dueAt, now)}${because}`;
  return [{ state: 'progressing', reason: 'pending', subject: queue, text }];
}

const sent = ({ command, sequence, author, sentAt }: CommandsOfRow, subject: string): HistoryEvent => ({
  at: sentAt,
  subject,
  event: 'sent',
  cause: `${command} (${sequence}) by ${author}`,
});

function ended(row: CommandsOfRow, subject: string): HistoryEvent | undefined {
  const { command, sequence, state, reason, endedAt } = row;
  if (endedAt === null) return undefined;
  const cause = `${command} (${sequence})${reason === null ? '' : `: ${reason}`}`;
  return { at: endedAt, subject, event: state, cause };
}

/** One kind of event of each command, page by page; within a page by time, for commands may overtake each other. */
async function* eventsOf(
  on: Executor,
  queue: string,
  target: string,
  eventOf: (row: CommandsOfRow, queue: string) => HistoryEvent | undefined,
): AsyncGenerator<HistoryEvent> {
  let afterSequence = 0n;
  for (;;) {
    const page = await commandsOf(on, { queue, target, afterSequence, page: PAGE });
    const events = page.flatMap((row) => eventOf(row, queue) ?? []);
    yield* events.sort((a, b) => a.at.getTime() - b.at.getTime());
    if (page.length < PAGE) return;
    afterSequence = page.at(-1)!.sequence;
  }
}
