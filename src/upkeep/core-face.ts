import type { Face } from '../faces/index.ts';
import {
  closeAbandonedWork,
  countSessions,
  countWork,
  deleteOldHistory,
  evictExpiredSessions,
} from '../queries/janitor.ts';
import { deleteMarkers } from '../queries/markers.ts';
import { type JanitorOptions, STATEMENT_TIMEOUT_MS } from './options.ts';

const DAY_MS = 86_400_000;

/** Holdfast's own part: dead sessions, what they held, old history, commit markers, and what is held and waits. */
export function coreFace(options: JanitorOptions): Face {
  const { historyRetentionMs = 90 * DAY_MS, markerRetentionMs = DAY_MS, pending = {} } = options;
  const deadlineMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  return {
    name: 'holdfast',
    sweeps: [
      {
        name: 'sessions',
        page: async ({ guarded }, page) => (await evictExpiredSessions(guarded, { page })).length,
      },
      {
        // A page of it is a scan: after deaths, which a page of sessions shows, and now and then.
        name: 'abandoned',
        when: 'seldom',
        after: 'sessions',
        page: async ({ guarded }, page) => (await closeAbandonedWork(guarded, { page })).length,
      },
      {
        name: 'markers',
        page: ({ guarded }, page) =>
          deleteMarkers(guarded, { page, olderThanMs: BigInt(Math.round(markerRetentionMs)) }),
      },
      {
        name: 'history',
        when: 'seldom',
        page: async ({ guarded }, page) =>
          historyRetentionMs === Infinity
            ? 0
            : deleteOldHistory(guarded, { page, olderThanMs: BigInt(Math.round(historyRetentionMs)) }),
      },
    ],
    gauges: [
      {
        descriptions: {
          'holdfast.work.active': 'Work held by live sessions',
          'holdfast.work.backoff': 'Targets backing off',
          'holdfast.work.parked': 'Targets that are parked',
          'holdfast.work.quarantined': 'Targets that no claim takes until an operator releases them',
        },
        when: 'seldom',
        read: async ({ guarded }) => {
          const rows = await countWork(guarded);
          const of = (field: 'active' | 'backingOff' | 'parked' | 'quarantined') =>
            rows.map((row) => [row[field], { kind: row.kind }] as const);
          return {
            'holdfast.work.active': of('active'),
            'holdfast.work.backoff': of('backingOff'),
            'holdfast.work.parked': of('parked'),
            'holdfast.work.quarantined': of('quarantined'),
          };
        },
      },
      {
        descriptions: { 'holdfast.work.pending': 'Targets that wait, by kind' },
        when: 'seldom',
        read: async (host) => {
          const rows: [number, { kind: string }][] = [];
          for (const [kind, count] of Object.entries(pending)) {
            const how = { name: `${kind} pending`, readOnly: true, deadlineMs };
            rows.push([Number(await host.transact((tx) => count(tx), how)), { kind }]);
          }
          return { 'holdfast.work.pending': rows };
        },
      },
      {
        descriptions: { 'holdfast.sessions.live': 'Live sessions' },
        read: async ({ guarded }) => ({
          'holdfast.sessions.live': (await countSessions(guarded)).map(
            ({ component, live }) => [live, { component }] as const,
          ),
        }),
      },
    ],
  };
}
