import type { Face, Fact, Finding, HistoryEvent, Wish } from '../faces/index.ts';
import { countOperations, type OperationsOfRow, operationsOf } from '../queries/operations.ts';
import { operationsPages } from './pages.ts';
import { exclusionKey } from './pipeline.ts';

/**
 * For `runJanitor`: how many operations there are, by kind and state. For `explain` and `history`: the operations of a
 * target, in whichever pipelines.
 */
export const operationsFace: Face = {
  name: 'operations',
  rights: {
    worker: {
      SELECT: ['holdfast.operation_status'],
      'SELECT, INSERT': ['holdfast.deleted_target'],
      'SELECT, INSERT, UPDATE, DELETE': ['holdfast.operation'],
    },
    janitor: { SELECT: ['holdfast.operation_status'] },
    operator: {
      SELECT: ['holdfast.operation_status', 'holdfast.deleted_target'],
      'SELECT, INSERT, UPDATE': ['holdfast.operation'],
    },
  },
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
  explain: async (on, target) => {
    const rows = await operationsOf(on, { target });
    return {
      facts: rows.map(factOf),
      findings: rows.flatMap(findingOf),
      work: rows.map(wishOf),
      offers: rows.flatMap(({ kind, target: of, state }) =>
        state === 'READY' || state === 'WORKING'
          ? []
          : [{ action: 'rerun', args: { operation: kind, target: of } }],
      ),
    };
  },
  history: async function* (on, target) {
    const events = (await operationsOf(on, { target })).flatMap(eventsOf);
    yield* events.sort((a, b) => a.at.getTime() - b.at.getTime());
  },
  pages: operationsPages,
};

const factOf = ({ target, kind, changedAt, createdAt, ...row }: OperationsOfRow): Fact => ({
  operation: kind,
  ...row,
  changed: changedAt,
  created: createdAt,
});

/** More generations were asked for than are done: it is READY, or somebody works on it. */
const isOpen = ({ requested, done }: OperationsOfRow) => requested > done;

/** What is READY or at work is judged by its lock row. */
function findingOf(row: OperationsOfRow): readonly Finding[] {
  const { kind, state, message } = row;
  if (isOpen(row) || state === 'WORKING') return [];
  const text = `${state}${message === null ? '' : `: ${message}`}`;
  const isFailed = state === 'FAILED';
  return [{ state: isFailed ? 'stuck' : 'free', reason: state.toLowerCase(), subject: kind, text }];
}

const wishOf = (row: OperationsOfRow): Wish => ({
  kind: row.kind,
  waits: isOpen(row),
  exclude: [exclusionKey(row.kind.slice(0, row.kind.lastIndexOf(':')), row.target)],
});

/** Its claims and their ends are in the history of work; the operation itself knows its beginning and its last state. */
function eventsOf({ kind, state, message, createdAt, changedAt }: OperationsOfRow): HistoryEvent[] {
  const cause = message ?? undefined;
  return [
    { at: createdAt, subject: kind, event: 'created' },
    ...(state === 'WORKING' ? [] : [{ at: changedAt, subject: kind, event: state, cause }]),
  ];
}
