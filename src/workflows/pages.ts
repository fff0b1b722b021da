import { invalidOption } from '../base/index.ts';
import {
  argument,
  causeOf,
  type Drawing,
  type FaceAction,
  type FaceList,
  type FacePages,
  numberFrom,
  scanPage,
  summedBacklog,
} from '../faces/index.ts';
import {
  pageOfWorkflows,
  workflowStatus as statusQuery,
  timeLineOfWorkflows,
  waitingWorkflows,
} from '../queries/workflows.ts';
import type { Drawn } from './diagram.ts';
import { cancelInstance, publishedDefinition, resolveWorkflow } from './operator.ts';

const MOST = 10_000n;

const workflows: FaceList = {
  id: 'workflows',
  title: 'Workflows',
  about: 'Instances of state machines, by workflow and target',
  columns: [
    { name: 'target', look: 'target' },
    { name: 'workflow' },
    { name: 'version', look: 'number' },
    { name: 'condition', look: 'state' },
    { name: 'state' },
    { name: 'since', look: 'time' },
    { name: 'in flight' },
    { name: 'attempt', look: 'number' },
    { name: 'session', look: 'session' },
    { name: 'why' },
  ],
  filters: [
    { name: 'condition', label: 'Condition', choices: ['stuck', 'held', 'due', 'waits', 'ended'] },
    { name: 'workflow', label: 'Workflow' },
    { name: 'state', label: 'State' },
    { name: 'target', label: 'Target begins with' },
  ],
  page: (on, query) =>
    scanPage(
      query,
      ['', ''],
      ([afterWorkflow, afterTarget], page, scan) =>
        pageOfWorkflows(on, {
          afterWorkflow: afterWorkflow!,
          afterTarget: afterTarget!,
          prefix: query.filters['target'] ?? null,
          workflow: query.filters['workflow'] ?? null,
          state: query.filters['state'] ?? null,
          condition: query.filters['condition'] ?? null,
          page,
          scan,
        }),
      ({ workflow, target }) => [workflow, target],
      ({ workflow, target, version, condition, state, enteredAt, inFlight, attempt, sessionId, stuck }) => ({
        values: {
          target,
          workflow,
          version,
          condition,
          state: state ?? '(initial)',
          since: enteredAt,
          'in flight': inFlight,
          attempt: inFlight === null ? null : attempt,
          session: sessionId,
          why: stuck,
        },
        offers: offersOf({ workflow, target, inFlight, stuck, hasEnded: condition === 'ended' }),
      }),
    ),
};

/** What an operator may do about an instance. */
export function offersOf(instance: {
  readonly workflow: string;
  readonly target: string;
  readonly inFlight: string | null;
  readonly stuck: string | null;
  readonly hasEnded: boolean;
}) {
  const { workflow, target, inFlight, stuck, hasEnded } = instance;
  const args = { workflow, target };
  return [
    ...(stuck === null ? [] : [{ action: 'retry-transition', args }]),
    ...(inFlight === null || hasEnded ? [] : [{ action: 'skip-transition', args }]),
    ...(stuck === null ? [] : [{ action: 'force-state', args }]),
    ...(hasEnded ? [] : [{ action: 'cancel-workflow', args }]),
  ];
}

const resolve = (id: string, title: string, about: string, how: 'retry' | 'skip'): FaceAction => ({
  id,
  title,
  about,
  run: async (db, args, by) => {
    const workflow = argument(args, 'workflow');
    const target = argument(args, 'target');
    await resolveWorkflow(db, workflow, target, how, causeOf(by));
    return `${workflow} of ${target} goes on`;
  },
});

const force: FaceAction = {
  id: 'force-state',
  title: 'Set the state',
  about: 'Gives up what is in flight and sets the state; a worker goes on from there.',
  fields: [{ name: 'state', label: 'State' }],
  run: async (db, args, by) => {
    const workflow = argument(args, 'workflow');
    const target = argument(args, 'target');
    const state = argument(args, 'state');
    const known = await publishedDefinition(db, workflow);
    if (known && !known.states.includes(state))
      throw invalidOption('state', `"${state}" is none: there are ${known.states.join(', ')}`);
    await resolveWorkflow(db, workflow, target, { force: state }, causeOf(by));
    return `${workflow} of ${target} is in ${state}`;
  },
};

const cancel: FaceAction = {
  id: 'cancel-workflow',
  title: 'Cancel',
  about: 'Asks for the end of the instance; its cancel transition fires.',
  run: async (db, args, by) => {
    const workflow = argument(args, 'workflow');
    const target = argument(args, 'target');
    const isAsked = await cancelInstance(db, workflow, target, causeOf(by));
    return isAsked ? `${workflow} of ${target} is told to end` : 'it has ended, or was canceled before';
  },
};

export const workflowsPages: FacePages = {
  lists: [workflows],
  actions: [
    resolve(
      'retry-transition',
      'Retry the transition',
      'Runs what is in flight again, with all its attempts.',
      'retry',
    ),
    resolve('skip-transition', 'Skip the transition', 'Gives up what is in flight; the state stays.', 'skip'),
    force,
    cancel,
  ],
  backlog: async (on) => {
    const rows = await waitingWorkflows(on, { most: MOST });
    return summedBacklog(
      rows.map(({ workflow, ...row }) => ({ ...row, subject: `workflow:${workflow}`, workflow })),
      ({ workflow }) => ({ id: 'workflows', filters: { workflow, condition: 'stuck' } }),
    );
  },
  timeline: async (on, target, from, size) => {
    const positions = Object.entries(from).map(([workflow, position]) => {
      const [intent = '', at = ''] = position.split('|');
      return { workflow, intent: numberFrom(intent), at };
    });
    const rows = await timeLineOfWorkflows(on, {
      target,
      workflows: positions.map(({ workflow }) => workflow),
      intents: positions.map(({ intent }) => intent),
      positions: positions.map(({ at }) => at),
      page: BigInt(size),
    });
    return rows.map(({ workflow, intent, event, at, transition, state, message, position }) => {
      const what = [transition, state === null ? undefined : `now ${state}`, message].filter(Boolean);
      return {
        at,
        subject: `workflow:${workflow}`,
        event,
        cause: what.length === 0 ? undefined : what.join(', '),
        stream: workflow,
        position: `${intent}|${position}`,
      };
    });
  },
  draw: async (on, target, workflow) => {
    const status = await statusQuery(on, { workflow, target });
    if (!status) return undefined;
    const drawn = await publishedDefinition(on, workflow, Number(status.version));
    return drawn && drawingOf(drawn, status.state, status.inFlight);
  },
};

function drawingOf({ states, transitions }: Drawn, current: string | null, inFlight: string | null): Drawing {
  return {
    states,
    current,
    transitions: Object.entries(transitions).flatMap(([id, { from, to, label }]) => {
      const sources = Array.isArray(from) ? (from as (string | null)[]) : [from as string | null];
      return sources.map((source) => ({
        id,
        label: label ?? id,
        from: source,
        to,
        isInFlight: id === inFlight && source === current,
      }));
    }),
  };
}
