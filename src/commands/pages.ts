import { invalidOption } from '../base/index.ts';
import {
  argument,
  causeOf,
  type FaceAction,
  type FaceList,
  type FacePages,
  numberFrom,
  scanPage,
} from '../faces/index.ts';
import { pageOfCommands, timeLineOfCommands, waitingCommands } from '../queries/commands.ts';
import { findQueue } from './queue.ts';

const MOST = 10_000n;
const ENDING = ':commands';

/** A queue's name without what its kind of work has behind it. */
export const queueName = (kind: string) => (kind.endsWith(ENDING) ? kind.slice(0, -ENDING.length) : kind);

const commands: FaceList = {
  id: 'commands',
  title: 'Commands',
  about: 'What was asked of targets, by queue and target',
  columns: [
    { name: 'queue' },
    { name: 'target', look: 'target' },
    { name: 'number', look: 'number' },
    { name: 'command' },
    { name: 'state', look: 'state' },
    { name: 'author' },
    { name: 'sent', look: 'time' },
    { name: 'ended', look: 'time' },
    { name: 'attempts', look: 'number' },
    { name: 'reason' },
    { name: 'arguments' },
  ],
  filters: [
    {
      name: 'state',
      label: 'State',
      choices: ['pending', 'consumed', 'rejected', 'superseded', 'failed', 'canceled'],
    },
    { name: 'queue', label: 'Queue' },
    { name: 'target', label: 'Target begins with' },
  ],
  page: (on, query) =>
    scanPage(
      query,
      ['', '', '0'],
      ([afterQueue, afterTarget, afterSequence], page, scan) =>
        pageOfCommands(on, {
          afterQueue: afterQueue!,
          afterTarget: afterTarget!,
          afterSequence: numberFrom(afterSequence!),
          prefix: query.filters['target'] ?? null,
          queue: query.filters['queue'] === undefined ? null : `${query.filters['queue']}${ENDING}`,
          state: query.filters['state'] ?? null,
          page,
          scan,
        }),
      ({ queue, target, sequence }) => [queue, target, String(sequence)],
      ({ queue, target, sequence, command, state, author, sentAt, endedAt, attempts, reason, args }) => ({
        values: {
          queue: queueName(queue),
          target,
          number: sequence,
          command,
          state,
          author,
          sent: sentAt,
          ended: endedAt,
          attempts,
          reason,
          arguments: JSON.stringify(args),
        },
        offers:
          state === 'pending'
            ? [
                {
                  action: 'cancel-command',
                  args: { queue: queueName(queue), target, number: String(sequence) },
                },
              ]
            : [],
      }),
    ),
};

const send: FaceAction = {
  id: 'send-command',
  title: 'Send a command',
  about: 'Appends a command to the queue of the target; its holder carries it out.',
  fields: [
    { name: 'command', label: 'Command' },
    { name: 'arguments', label: 'Arguments, a JSON object', isOptional: true },
  ],
  run: async (db, args, by) => {
    const name = argument(args, 'queue');
    const target = argument(args, 'target');
    const command = argument(args, 'command');
    const queue = await findQueue(db, name);
    if (!queue) throw invalidOption('queue', `there is no queue "${name}"`);
    const author = `${by.author}: ${by.reason}`;
    const sent = await queue.send(db, target, command, jsonFrom(args['arguments']), { author });
    return `sent: command ${sent.sequence} of ${target}`;
  },
};

function jsonFrom(text = ''): object {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw invalidOption('arguments', 'expected a JSON object, such as {"minutes": 5}');
}

const cancel: FaceAction = {
  id: 'cancel-command',
  title: 'Cancel',
  about: 'Takes the command back, if it is still pending.',
  run: async (db, args, by) => {
    const name = argument(args, 'queue');
    const target = argument(args, 'target');
    const sequence = numberFrom(argument(args, 'number'), 'number');
    const queue = await findQueue(db, name);
    if (!queue) throw invalidOption('queue', `there is no queue "${name}"`);
    const isCanceled = await queue.cancel(db, target, sequence, causeOf(by));
    return `command ${sequence} of ${target} is ${isCanceled ? 'canceled' : 'not pending any more'}`;
  },
};

export const commandsPages: FacePages = {
  lists: [commands],
  actions: [send, cancel],
  backlog: async (on) =>
    (await waitingCommands(on, { most: MOST })).map(({ queue, waiting, oldestAt }) => ({
      subject: queue,
      waiting: Number(waiting),
      oldestAt,
      list: { id: 'commands', filters: { queue: queueName(queue), state: 'pending' } },
    })),
  timeline: async (on, target, from, size) => {
    const positions = Object.entries(from);
    const rows = await timeLineOfCommands(on, {
      target,
      queues: positions.map(([queue]) => queue),
      sequences: positions.map(([, sequence]) => numberFrom(sequence)),
      page: BigInt(size),
    });
    return rows.map(({ queue, sequence, command, author, state, reason, sentAt, endedAt }) => ({
      at: sentAt,
      subject: queue,
      event: 'sent',
      cause: `${command} (${sequence}) by ${author}: ${state}${reason === null ? '' : `, ${reason}`}${
        endedAt === null ? '' : ` at ${endedAt.toISOString()}`
      }`,
      stream: queue,
      position: String(sequence),
    }));
  },
};
