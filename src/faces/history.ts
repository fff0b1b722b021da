import { checkOptions, checkText } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { endedClaims, interventionsOf, type KindsOfTargetRow, kindsOfTarget } from '../queries/explain.ts';
import type { Executor } from '../query/index.ts';
import { type ExplainOptions, explainSchema } from './explain.ts';
import type { HistoryEvent } from './part.ts';

const PAGE = 500n;
const READ_WITHIN_MS = 30_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const FIRST_TIME = '0001-01-01 00:00:00+00';

/**
 * What happened to a target as one time line, the oldest first: claims and ends of its work, what operators did about it
 * or about one of its kinds, and what every face knows. Reads page by page, as far as it is asked for; each page is a
 * statement of its own, by index, however long the history is. Throws MisuseError, and as a statement.
 */
export async function* history(
  db: Pick<Database, 'guardedWithin'>,
  target: string,
  options: Pick<ExplainOptions, 'faces'> = {},
): AsyncGenerator<HistoryEvent, void, undefined> {
  const { faces = [] } = checkOptions(explainSchema.pick({ faces: true }), options);
  const on = db.guardedWithin(READ_WITHIN_MS);
  const kinds = await kindsOfTarget(on, { target: checkText('target', target) });
  yield* inOrder([
    ...kinds.map((kind) => claims(on, target, kind)),
    interventions(
      on,
      target,
      kinds.map(({ kind }) => kind),
    ),
    ...faces.flatMap((face) => face.history?.(on, target) ?? []),
  ]);
}

/** Claims of one kind, in the order of their tokens: each began after the end of the one before it. */
async function* claims(on: Executor, target: string, row: KindsOfTargetRow): AsyncGenerator<HistoryEvent> {
  const { kind, holder } = row;
  let token = -1n;
  for (;;) {
    const page = await endedClaims(on, { target, kind, afterToken: token, page: PAGE });
    for (const { startedAt, endedAt, event, cause, ...claim } of page) {
      yield { at: startedAt, subject: kind, event: 'started', ...claim };
      yield { at: endedAt, subject: kind, event, cause: cause ?? undefined, ...claim };
    }
    token = page.at(-1)?.token ?? token;
    if (page.length < PAGE) break;
  }
  // It has ended since it was seen when its token is among those that have.
  if (holder !== null && row.token! > token)
    yield { at: row.startedAt!, subject: kind, event: 'started', token: row.token!, sessionId: holder };
}

async function* interventions(
  on: Executor,
  target: string,
  kinds: readonly string[],
): AsyncGenerator<HistoryEvent> {
  let [afterPosition, afterId] = [FIRST_TIME, FIRST_ID];
  for (;;) {
    const page = await interventionsOf(on, { target, kinds, afterPosition, afterId, page: PAGE });
    for (const { at, kind, event, cause } of page)
      yield { at, subject: kind, event, cause: cause ?? undefined };
    if (page.length < PAGE) return;
    ({ position: afterPosition, interventionId: afterId } = page.at(-1)!);
  }
}

/** Streams that are each in the order of time, as one; of two at the same time, the one of the earlier stream. */
export async function* inOrder(
  streams: readonly AsyncIterable<HistoryEvent>[],
): AsyncGenerator<HistoryEvent> {
  const open = streams.map((stream) => stream[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(open.map((stream) => stream.next()));
    for (;;) {
      let first = -1;
      heads.forEach((head, i) => {
        if (!head.done && (first < 0 || head.value.at < (heads[first]!.value as HistoryEvent).at)) first = i;
      });
      if (first < 0) return;
      yield heads[first]!.value as HistoryEvent;
      heads[first] = await open[first]!.next();
    }
  } finally {
    await Promise.all(open.map((stream) => stream.return?.()));
  }
}
