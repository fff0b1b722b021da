import { z } from 'zod';
import { checkOptions } from '../base/index.ts';
import { clock, type Face, type Fact, type Finding, type HistoryEvent, inOrder } from '../faces/index.ts';
import {
  countWorkflows,
  deleteEndedWorkflows,
  type WorkflowsOfRow,
  workflowHistory,
  workflowsOf,
} from '../queries/workflows.ts';
import type { Executor } from '../query/index.ts';
import { offersOf, workflowsPages } from './pages.ts';

const optionsSchema = z.strictObject({
  /** Instances that have ended, with their history and signals, are kept this long. `Infinity` keeps them for good. */
  retentionMs: z.union([z.number().min(0), z.literal(Infinity)]).optional(),
});

/**
 * For `runJanitor`: how many instances there are, and the sweep of those that have ended: `retentionMs` ago, 90 days unless
 * said; with their history and signals. For `explain` and `history`: the instances of a target, in whichever workflows.
 * Throws MisuseError.
 */
export function workflowsFace(options: { readonly retentionMs?: number } = {}): Face {
  const { retentionMs = 90 * 86_400_000 } = checkOptions(optionsSchema, options);
  return {
    name: 'workflows',
    rights: {
      worker: {
        SELECT: ['holdfast.workflow_status'],
        'SELECT, INSERT': ['holdfast.workflow_history'],
        'SELECT, INSERT, UPDATE': [
          'holdfast.workflow',
          'holdfast.workflow_signal',
          'holdfast.workflow_definition',
        ],
      },
      janitor: {
        SELECT: ['holdfast.workflow_status'],
        'SELECT, DELETE': ['holdfast.workflow', 'holdfast.workflow_signal', 'holdfast.workflow_history'],
      },
      operator: {
        SELECT: ['holdfast.workflow_status', 'holdfast.workflow_definition'],
        'SELECT, INSERT, UPDATE': ['holdfast.workflow', 'holdfast.workflow_history'],
      },
      client: {
        SELECT: ['holdfast.workflow_status', 'holdfast.workflow_definition'],
        'SELECT, INSERT, UPDATE': [
          'holdfast.workflow',
          'holdfast.workflow_history',
          'holdfast.workflow_signal',
          'holdfast.topic',
        ],
      },
    },
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
    explain: async (on, target) => {
      const rows = await workflowsOf(on, { target });
      return {
        facts: rows.map(factOf),
        findings: rows.flatMap(findingOf),
        work: rows.map(({ workflow, dueAt, isLater, stuck }) => ({
          kind: `workflow:${workflow}`,
          waits: dueAt !== null && !isLater && stuck === null,
        })),
        offers: rows.flatMap(({ workflow, inFlight, stuck, endedAt }) =>
          offersOf({ workflow, target, inFlight, stuck, hasEnded: endedAt !== null }),
        ),
        drawings: rows.map(({ workflow }) => workflow),
      };
    },
    pages: workflowsPages,
    history: async function* (on, target) {
      const rows = await workflowsOf(on, { target });
      yield* inOrder(rows.map(({ workflow }) => eventsOf(on, workflow, target)));
    },
  };
}

const factOf = (row: WorkflowsOfRow): Fact => ({
  workflow: row.workflow,
  version: row.version,
  state: row.state,
  since: row.enteredAt,
  'in flight': row.inFlight,
  'in flight since': row.inFlightAt,
  attempt: row.attempt,
  'look at': row.dueAt,
  canceled: row.canceledAt,
  ended: row.endedAt,
});

/** What is due is judged by its lock row. */
function findingOf(row: WorkflowsOfRow): readonly Finding[] {
  const { workflow: subject, state, stuck, inFlight, dueAt, isLater, endedAt, now } = row;
  if (stuck !== null) {
    const text = `${inFlight ?? 'it'} is stuck: ${stuck}; see holdfast workflows resolve`;
    return [{ state: 'stuck', reason: 'stuck', subject, text }];
  }
  if (endedAt !== null)
    return [
      { state: 'free', reason: 'ended', subject, text: `it has ended in ${state ?? 'its initial state'}` },
    ];
  if (dueAt === null)
    return [{ state: 'free', reason: 'waits', subject, text: `it waits in ${state ?? 'its initial state'}` }];
  if (!isLater) return [];
  const text = `it is looked at again at ${clock(dueAt, now)}`;
  return [{ state: 'progressing', reason: 'waits', subject, text }];
}

async function* eventsOf(on: Executor, workflow: string, target: string): AsyncGenerator<HistoryEvent> {
  for (const { event, at, transition, state, message } of await workflowHistory(on, { workflow, target })) {
    const what = [transition, state === null ? undefined : `now ${state}`, message]
      .filter(Boolean)
      .join(', ');
    yield { at, subject: workflow, event, ...(what === '' ? {} : { cause: what }) };
  }
}
