import { invalidOption } from '../base/index.ts';
import {
  argument,
  causeOf,
  type FaceAction,
  type FaceList,
  type FacePages,
  numberFrom,
  scanPage,
  summedBacklog,
} from '../faces/index.ts';
import { failedGroups, operationsOf, pageOfOperations, waitingOperations } from '../queries/operations.ts';
import { definePipeline, type Pipeline } from './pipeline.ts';

const MOST = 10_000n;
const GROUPS = 200n;

const operations: FaceList = {
  id: 'operations',
  title: 'Operations',
  about: 'Named operations of targets, by target',
  columns: [
    { name: 'target', look: 'target' },
    { name: 'operation' },
    { name: 'state', look: 'state' },
    { name: 'attempts', look: 'number' },
    { name: 'session', look: 'session' },
    { name: 'changed', look: 'time' },
    { name: 'message' },
  ],
  filters: [
    { name: 'state', label: 'State', choices: ['READY', 'WORKING', 'OK', 'WARNING', 'FAILED'] },
    { name: 'operation', label: 'Operation' },
    { name: 'target', label: 'Target begins with' },
  ],
  page: (on, query) =>
    scanPage(
      query,
      [query.filters['target'] ?? '', ''],
      ([afterTarget, afterKind], page, scan) =>
        pageOfOperations(on, {
          afterTarget: afterTarget!,
          afterKind: afterKind!,
          prefix: query.filters['target'] ?? null,
          kind: query.filters['operation'] ?? null,
          state: query.filters['state'] ?? null,
          page,
          scan,
        }),
      ({ target, kind }) => [target, kind],
      ({ target, kind, state, message, attempts, sessionId, changedAt }) => ({
        values: {
          target,
          operation: kind,
          state,
          attempts,
          session: sessionId,
          changed: changedAt,
          message,
        },
        offers: hasEnded(state) ? [{ action: 'rerun', args: { operation: kind, target } }] : [],
      }),
    ),
};

const failures: FaceList = {
  id: 'failures',
  title: 'Failed operations',
  about: 'Failures by operation and message, the most frequent first',
  columns: [
    { name: 'operation' },
    { name: 'failed', look: 'number' },
    { name: 'example', look: 'target' },
    { name: 'latest', look: 'time' },
    { name: 'message' },
  ],
  page: async (on) => ({
    rows: (await failedGroups(on, { most: MOST, page: GROUPS })).map(
      ({ kind, message, operations: count, example, latest }) => ({
        values: { operation: kind, failed: count, example, latest, message },
        offers: [{ action: 'rerun-group', args: { operation: kind, message: message ?? '' } }],
      }),
    ),
  }),
};

const hasEnded = (state: string) => state !== 'READY' && state !== 'WORKING';

/** The pipeline of a kind, with this operation alone. Throws MisuseError. */
function pipelineOf(kind: string): [Pipeline, string] {
  const at = kind.lastIndexOf(':');
  if (at < 1) throw invalidOption('operation', `"${kind}" has no pipeline`);
  const operation = kind.slice(at + 1);
  return [definePipeline({ name: kind.slice(0, at), operations: [operation] }), operation];
}

const rerun: FaceAction = {
  id: 'rerun',
  title: 'Run again',
  about: 'Makes the operation READY once more; a worker takes it.',
  run: async (db, args, by) => {
    const [pipeline, operation] = pipelineOf(argument(args, 'operation'));
    const target = argument(args, 'target');
    const filter = { operations: [operation], targets: [target] };
    const count = await pipeline.rerun(db, filter, { cause: causeOf(by) });
    return count > 0 ? `${operation} of ${target} is READY` : `${operation} of ${target} has not ended`;
  },
};

const rerunGroup: FaceAction = {
  id: 'rerun-group',
  title: 'Run all again',
  about: 'Makes every operation READY that failed with exactly this message.',
  run: async (db, args, by) => {
    const [pipeline, operation] = pipelineOf(argument(args, 'operation'));
    const message = args['message'] || undefined;
    const filter = { operations: [operation], state: 'FAILED' as const, message };
    const count = await pipeline.rerun(db, filter, { cause: causeOf(by) });
    return `${count} of ${operation} ${count === 1 ? 'is' : 'are'} READY`;
  },
};

export const operationsPages: FacePages = {
  lists: [operations, failures],
  actions: [rerun, rerunGroup],
  backlog: async (on) => {
    const rows = await waitingOperations(on, { most: MOST });
    return summedBacklog(
      rows.map(({ kind, failed, ...row }) => ({ ...row, subject: kind, stuck: failed })),
      () => ({ id: 'failures', filters: {} }),
    );
  },
  timeline: async (on, target, from, size) => {
    const before = from['operations'];
    return (await operationsOf(on, { target }))
      .flatMap(({ kind, state, message, createdAt, changedAt }) => [
        { at: createdAt, subject: kind, event: 'created', cause: undefined },
        ...(state === 'WORKING'
          ? []
          : [{ at: changedAt, subject: kind, event: state, cause: message ?? undefined }]),
      ])
      .map((event) => ({
        ...event,
        stream: 'operations',
        // A pipeline creates all of its operations in one moment.
        position: `${event.at.getTime()} ${event.subject} ${event.event}`,
      }))
      .filter(({ position }) => before === undefined || comparePositions(before, position) < 0)
      .sort((a, b) => comparePositions(a.position, b.position))
      .slice(0, size);
  },
};

/** The newest first; of one moment by name. Throws MisuseError for a position that is none. */
function comparePositions(a: string, b: string): number {
  const [atA = '', atB = ''] = [a.split(' ')[0], b.split(' ')[0]];
  const later = numberFrom(atB) - numberFrom(atA);
  if (later !== 0n) return later > 0n ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}
