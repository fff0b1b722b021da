import {
  argument,
  causeOf,
  type Face,
  type FaceAction,
  type FaceList,
  type ListRow,
  numberFrom,
  type Offer,
  positionFrom,
  scanPage,
  uuidFrom,
} from '../faces/index.ts';
import { migrationStatus } from '../migrate/index.ts';
import {
  endsOfKind,
  kindsOfWork,
  leftOvers,
  pageOfSessions,
  pageOfWork,
  timeLineOfWork,
} from '../queries/console.ts';
import { listKinds } from '../queries/work.ts';
import { quarantinedOffers } from './offers.ts';

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
/** Sessions are few: a page of them is sorted for people. */
const SESSIONS = 500;

const STATES = ['held', 'quarantined', 'backs off', 'parked', 'abandoned', 'failed', 'free'] as const;

const work = (
  id: string,
  title: string,
  about: string,
  states: readonly (typeof STATES)[number][] | null,
): FaceList => ({
  id,
  title,
  about,
  columns: [
    { name: 'target', look: 'target' },
    { name: 'kind' },
    { name: 'state', look: 'state' },
    { name: 'holder' },
    { name: 'session', look: 'session' },
    { name: 'since', look: 'time' },
    { name: 'until', look: 'time' },
    { name: 'failures', look: 'number' },
    { name: 'cause' },
  ],
  filters: [
    { name: 'target', label: 'Target begins with' },
    { name: 'kind', label: 'Kind' },
    { name: 'state', label: 'State', choices: states ?? STATES },
    { name: 'session', label: 'Session' },
  ],
  page: (on, query) => {
    const { target, kind, state, session } = query.filters;
    const sessionId = uuidFrom('session', session);
    return scanPage(
      query,
      // In every collation a text comes behind its own beginning.
      [target ?? '', ''],
      ([afterTarget, afterKind], page, scan) =>
        pageOfWork(on, {
          afterTarget: afterTarget!,
          afterKind: afterKind!,
          prefix: target ?? null,
          kind: kind ?? null,
          states: state === undefined ? (states as string[] | null) : [state],
          sessionId,
          page,
          scan,
        }),
      (row) => [row.target, row.kind],
      (row): ListRow => ({
        values: {
          target: row.target,
          kind: row.kind,
          state: row.state,
          holder: row.component === null ? null : `${row.component} on ${row.instance}`,
          session: row.holder,
          since: row.state === 'held' || row.state === 'abandoned' ? row.startedAt : null,
          until:
            row.state === 'held'
              ? row.deadline
              : row.state === 'backs off' || row.state === 'parked'
                ? row.notBefore
                : null,
          failures: row.state === 'held' || row.failures === 0n ? null : row.failures,
          cause: row.state === 'held' ? null : row.cause,
        },
        offers: quarantinedOffers(row),
      }),
    );
  },
});

const sessions: FaceList = {
  id: 'sessions',
  title: 'Sessions',
  about: 'Who is alive, since when and until when, by component and host',
  columns: [
    { name: 'component' },
    { name: 'instance' },
    { name: 'state', look: 'state' },
    { name: 'since', look: 'time' },
    { name: 'deadline', look: 'time' },
    { name: 'interval ms', look: 'number' },
    { name: 'session', look: 'session' },
  ],
  filters: [
    { name: 'component', label: 'Component' },
    { name: 'state', label: 'State', choices: ['alive', 'dead'] },
    { name: 'session', label: 'Session' },
  ],
  page: async (on, { after, filters }) => {
    const [afterId] = positionFrom(after, [FIRST_ID]);
    const rows = await pageOfSessions(on, {
      after: uuidFrom('after', afterId)!,
      sessionId: uuidFrom('session', filters['session']),
      component: filters['component'] ?? null,
      isLive: filters['state'] === undefined ? null : filters['state'] === 'alive',
      page: BigInt(SESSIONS + 1),
    });
    const page = rows.slice(0, SESSIONS);
    const next = rows.length > SESSIONS ? [page.at(-1)!.sessionId] : undefined;
    page.sort((a, b) => compare(a.component, b.component) || compare(a.instance, b.instance));
    return {
      rows: page.map(({ sessionId, component, instance, createdAt, intervalMs, deadline, live }) => ({
        values: {
          component,
          instance,
          state: live ? 'alive' : 'dead',
          since: createdAt,
          deadline,
          'interval ms': intervalMs,
          session: sessionId,
        },
      })),
      next,
    };
  },
};

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const kinds: FaceList = {
  id: 'kinds',
  title: 'Kinds of work',
  about: 'What was ever worked on, which kinds are paused, and their policies',
  columns: [
    { name: 'kind' },
    { name: 'state', look: 'state' },
    { name: 'paused', look: 'time' },
    { name: 'cause' },
    { name: 'quarantine after', look: 'number' },
    { name: 'keeps finished' },
  ],
  page: async (on, { after, size }) => {
    const [afterKind] = positionFrom(after, ['']);
    const rows = await kindsOfWork(on, { after: afterKind!, page: BigInt(size + 1) });
    return {
      rows: rows.slice(0, size).map(({ kind, pausedAt, pausedCause, quarantineAfter, keepFinished }) => ({
        values: {
          kind,
          state: pausedAt ? 'paused' : 'runs',
          paused: pausedAt,
          cause: pausedCause,
          'quarantine after': quarantineAfter,
          'keeps finished': keepFinished === false ? 'no' : 'yes',
        },
        offers: [{ action: pausedAt ? 'resume-kind' : 'pause-kind', args: { kind } }] satisfies Offer[],
      })),
      next: rows.length > size ? [rows[size - 1]!.kind] : undefined,
    };
  },
};

const ends: FaceList = {
  id: 'ended',
  title: 'Ended work',
  about: 'What has ended of one kind of work, the newest first',
  columns: [
    { name: 'ended', look: 'time' },
    { name: 'target', look: 'target' },
    { name: 'event', look: 'state' },
    { name: 'took ms', look: 'number' },
    { name: 'token', look: 'number' },
    { name: 'session', look: 'session' },
    { name: 'cause' },
  ],
  filters: [
    { name: 'kind', label: 'Kind' },
    {
      name: 'event',
      label: 'Event',
      choices: ['finished', 'failed', 'canceled', 'parked', 'abandoned'],
    },
  ],
  page: async (on, query) => {
    const { kind, event } = query.filters;
    if (kind === undefined) return { rows: [] };
    return scanPage(
      query,
      ['infinity', '', '-1'],
      ([position, afterTarget, afterToken], page, scan) =>
        endsOfKind(on, {
          kind,
          event: event ?? null,
          beforePosition: timeFrom(position!),
          afterTarget: afterTarget!,
          afterToken: numberFrom(afterToken!),
          page,
          scan,
        }),
      (row) => [row.position, row.target, String(row.token)],
      (row) => ({
        values: {
          ended: row.endedAt,
          target: row.target,
          event: row.event,
          'took ms': row.endedAt.getTime() - row.startedAt.getTime(),
          token: row.token,
          session: row.sessionId,
          cause: row.cause,
        },
      }),
    );
  },
};

/** A time of a position, as the database wrote it. Throws MisuseError. */
function timeFrom(text: string): string {
  if (text !== 'infinity' && Number.isNaN(Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))))
    numberFrom('');
  return text;
}

const upkeep: FaceList = {
  id: 'upkeep',
  title: 'Janitor',
  about: 'What a janitor sweeps up; what stays here for minutes shows that none is running',
  columns: [
    { name: 'what' },
    { name: 'state', look: 'state' },
    { name: 'count', look: 'number' },
    { name: 'oldest', look: 'time' },
  ],
  page: async (on) => {
    const { sessions: count, oldestSeconds, now } = await leftOvers(on);
    return {
      rows: [
        {
          values: {
            what: 'sessions past their deadline',
            state: oldestSeconds > JANITOR_IS_LATE_S ? 'nobody sweeps' : 'swept',
            count,
            oldest: count === 0n ? null : new Date(now.getTime() - oldestSeconds * 1_000),
          },
        },
      ],
    };
  },
};

const JANITOR_IS_LATE_S = 300;

/** Reads on a connection of its own, as `holdfast migrate status` does. */
const schema = (url: string): FaceList => ({
  id: 'schema',
  title: 'Schema',
  about: 'Migrations of Holdfast that this database has',
  when: 'seldom',
  columns: [
    { name: 'number', look: 'number' },
    { name: 'name' },
    { name: 'state', look: 'state' },
    { name: 'applied', look: 'time' },
    { name: 'note' },
  ],
  page: async () => {
    const { migrations, refusal } = await migrationStatus(url);
    return {
      rows: migrations.map(({ number, name, state, appliedAt, note }) => ({
        values: {
          number,
          name,
          state,
          applied: appliedAt === undefined ? null : new Date(appliedAt),
          note: note ?? (state === 'pending' ? refusal?.message : undefined),
        },
      })),
    };
  },
});

const release: FaceAction = {
  id: 'release',
  title: 'Release',
  about: 'Forgets its failures, its backoff and its park, so that it can be claimed at once.',
  run: async (db, args, by) => {
    const kind = argument(args, 'kind');
    const target = argument(args, 'target');
    return (await db.kinds.release(kind, target, causeOf(by)))
      ? `${kind} of ${target} is released`
      : `${kind} of ${target} has nothing to be released from, or a live session holds it`;
  },
};

const quarantine: FaceAction = {
  id: 'quarantine',
  title: 'Quarantine',
  about: 'No claim takes the target until somebody releases it.',
  run: async (db, args, by) => {
    const kind = argument(args, 'kind');
    const target = argument(args, 'target');
    return (await db.kinds.quarantine(kind, target, causeOf(by)))
      ? `${kind} of ${target} is quarantined`
      : `a live session holds ${kind} of ${target}: try again when it has ended`;
  },
};

const pause: FaceAction = {
  id: 'pause-kind',
  title: 'Pause this kind',
  about: 'Nothing of the kind is claimed from now on; what is held goes on.',
  run: async (db, args, by) => {
    const kind = argument(args, 'kind');
    return (await db.kinds.pause(kind, causeOf(by))) ? `${kind} is paused` : `${kind} was paused already`;
  },
};

const resume: FaceAction = {
  id: 'resume-kind',
  title: 'Resume this kind',
  about: 'Work of the kind is claimed again.',
  run: async (db, args, by) => {
    const kind = argument(args, 'kind');
    return (await db.kinds.resume(kind, causeOf(by))) ? `${kind} goes on` : `${kind} was not paused`;
  },
};

/** Holdfast's own part: sessions, work, its history, upkeep and schema. */
export const coreFace = (url: string): Face => ({
  name: 'work',
  pages: {
    lists: [
      work('targets', 'Targets', 'Everything that was ever worked on, by target and kind', null),
      work('held', 'Held work', 'What live sessions hold now', ['held']),
      work(
        'kept-back',
        'Kept back',
        'What no claim takes now: quarantined, backing off, parked, or left by a dead session',
        ['quarantined', 'backs off', 'parked', 'abandoned', 'failed'],
      ),
      sessions,
      kinds,
      ends,
      upkeep,
      schema(url),
    ],
    actions: [
      release,
      {
        ...release,
        id: 'retry-now',
        title: 'Retry now',
        about: 'Forgets its failures and its backoff, so that the next claim takes it.',
      },
      quarantine,
      pause,
      resume,
    ],
    backlog: async (on) =>
      (await listKinds(on)).flatMap(({ kind, pausedAt, pausedCause }) =>
        pausedAt === null
          ? []
          : [
              {
                subject: kind,
                waiting: 0,
                oldestAt: pausedAt,
                problem: `paused${pausedCause === null ? '' : `: ${pausedCause}`}`,
                list: { id: 'kinds', filters: {} },
              },
            ],
      ),
    timeline: async (on, target, from, size) => {
      const claims = Object.entries(from).filter(([stream]) => stream.startsWith('claims '));
      const rows = await timeLineOfWork(on, {
        target,
        kinds: claims.map(([stream]) => stream.slice('claims '.length)),
        tokens: claims.map(([, token]) => numberFrom(token)),
        beforePosition: timeFrom(from['operators'] ?? 'infinity'),
        page: BigInt(size),
      });
      return rows.map((row) => ({
        at: row.at,
        since: row.stream === 'claims' ? (row.startedAt ?? undefined) : undefined,
        subject: row.kind,
        event: row.event,
        cause: row.cause ?? undefined,
        token: row.token ?? undefined,
        sessionId: row.sessionId ?? undefined,
        stream: row.stream === 'claims' ? `claims ${row.kind}` : row.stream,
        position: row.position,
      }));
    },
  },
});
