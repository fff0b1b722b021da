/**
 * What the types of the public API allow and refuse. Checked by `npm run typecheck` alone: nothing here runs, and a line
 * below `@ts-expect-error` that is allowed fails the check.
 */
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import {
  type BoundChange,
  type ControlLoop,
  connect,
  type Database,
  MisuseError,
  type Session,
  type Statement,
  sql,
  type Work,
} from '../../src/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>) => {};

export async function claims(session: Session): Promise<void> {
  same<Awaited<ReturnType<Session['claim']>>, Work[]>(true);
  await session.claim(claimJob.with({ buckets: [1n] }), { wanted: 2 });
  await session.claim({
    kind: 'a',
    candidates: () => ['x', { target: 'y', exclude: [{ group: 'g', key: 'k' }] }],
  });
  // @ts-expect-error a query with parameters wants them
  await session.claim(claimJob);
  // @ts-expect-error buckets are bigint
  claimJob.with({ buckets: [1] });
  // @ts-expect-error a kind goes with the function
  await session.claim({ candidates: () => ['x'] });
}

export async function ends(session: Session, work: Work, step: BoundChange<'step'>): Promise<void> {
  const value = await work.finish(async () => 7);
  same<typeof value, number>(true);
  const next = await session.finish([work], finishJob.with({ doneBy: 'me' }), {
    claim: claimJob.with({ buckets: [1n] }),
  });
  same<typeof next, Work[]>(true);
  await work.fail('cause', { backoff: { initialMs: 1 } });
  await work.park({ ms: 5 });
  await work.park(new Date());
  await work.step(step);
  // @ts-expect-error a step does not finish
  await work.finish(step);
  // @ts-expect-error a finish is no step
  await work.step(finishJob.with({ doneBy: 'me' }));
  // @ts-expect-error the cause comes first
  await work.fail({ initialMs: 1 }, 'cause');
  // @ts-expect-error a token is read only
  work.token = 1n;
}

export async function statements(db: Database): Promise<void> {
  same<ReturnType<typeof sql>, Statement>(true);
  await db.execute(sql`SELECT ${1}, ${'a'}, ${null}, ${[1n]}, ${sql`now()`}`);
  // @ts-expect-error an object cannot be bound
  sql`SELECT ${{ a: 1 }}`;
  // @ts-expect-error a database is made by connect
  new (db.constructor as typeof Database)();
}

export async function errors(loop: ControlLoop): Promise<string | undefined> {
  await using db = await connect({ pool: { max: 3 } });
  await (await connect('postgresql://localhost/d')).close();
  // @ts-expect-error unknown option
  await connect({ pools: 3 });
  // @ts-expect-error a URL is a string
  await connect(new URL('postgresql://localhost/d'));
  await loop.stop({ graceMs: Infinity });
  try {
    await db.kinds.pause('a', 'b');
  } catch (error) {
    if (error instanceof MisuseError) {
      const code: 'HOLDFAST_INVALID_OPTION' | (string & {}) = error.code;
      return `${code} ${error.subject}`;
    }
  }
  return undefined;
}
