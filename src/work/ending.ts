import { randomUUID } from 'node:crypto';
import {
  AmbiguousCommitError,
  DatabaseError,
  invalidOption,
  LeaseLostError,
  MisuseError,
} from '../base/index.ts';
import { planAsForClaims } from '../database/index.ts';
import { endedKeys, heldKeys, holdWork, releaseWork, sealWork } from '../queries/work.ts';
import type { BoundChange, BoundClaim, ChangedKeys, Executor, Statement } from '../query/index.ts';
import {
  isPart,
  onOutcome,
  seal,
  type Transaction,
  type TransactionBody,
  type TransactOptions,
  unseal,
} from '../transact/index.ts';
import { type Answer, Batcher } from './batcher.ts';
import { type Claimer, callerOf, finishAndClaim } from './claims.ts';
import type { HeldWork, WorkResult } from './held-work.ts';
import { refusalIn } from './refusal.ts';
import { answerIsLost, type GuardedExecutor, persistently, saidBy, settleClaim } from './settle.ts';
import { type Claimed, claimSource } from './source.ts';

/** Works that one statement ends, at most, when their callers did not give them together. */
const MOST_WORKS = 100;

/** How works end, besides the change that goes with it. */
export interface Ending {
  readonly event: WorkResult;
  /** For operators, in the history. */
  readonly cause?: string | undefined;
  /** For each work: how long it is left alone, in milliseconds; -1: until it is woken. */
  readonly delaysMs: readonly bigint[];
  /** For each work: the backoff period in seconds that the next failure builds on. */
  readonly backoffs: readonly (bigint | null)[];
  /** When a park ends. */
  readonly until?: Date | undefined;
}

/** What ending works needs of the session that holds them. */
export interface Ender extends Claimer {
  readonly executor: GuardedExecutor;
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

/** Works of one kind that end together, all or none. */
interface Batch {
  readonly kind: string;
  readonly works: readonly HeldWork[];
  readonly keys: Omit<ChangedKeys, 'refusal'>;
}

const VERBS = { finished: 'finish', failed: 'fail', canceled: 'cancel', parked: 'park' } as const;

/** Throws MisuseError, and has changed nothing, unless all can end together. */
export function batchOf(sessionId: string, works: readonly HeldWork[], event: WorkResult): Batch {
  const verb = VERBS[event];
  const kind = works[0]!.kind;
  for (const work of works) {
    work.assertHeld(verb);
    if (work.sessionId !== sessionId)
      throw new MisuseError(
        'HOLDFAST_WORK_ENDED',
        `${verb}: ${work.kind} of ${work.target} belongs to another session`,
      );
    if (work.kind !== kind) throw invalidOption('works', `${kind} and ${work.kind} do not end together`);
  }
  if (works.length > 1 && new Set(works).size !== works.length)
    throw new MisuseError('HOLDFAST_WORK_ENDED', `${verb}: the same work is given twice`);
  const keys = works.flatMap((work) => work.keys);
  return {
    kind,
    works,
    keys: {
      sessionId,
      targets: works.map(({ target }) => target),
      keyKinds: keys.map((key) => key.kind),
      keyTargets: keys.map(({ target }) => target),
      keyTokens: keys.map(({ token }) => token),
    },
  };
}

/**
 * Planned each time it runs in a transaction. PostgreSQL takes keys it does not know for ten, and may then plan to read all of
 * a small table of work once and for all: at SERIALIZABLE that would conflict with every other end. On connections for
 * claims it may not.
 */
const plannedEachTime = (statement: Statement): Statement => ({ ...statement, prepare: false });

const releaseOf = ({ kind, works, keys }: Batch, ending: Ending) =>
  releaseWork.statement({
    event: ending.event,
    kind,
    sessionId: keys.sessionId,
    kinds: [...keys.keyKinds],
    targets: [...keys.keyTargets],
    tokens: [...keys.keyTokens],
    delaysMs: works.flatMap((work, i) => work.keys.map(() => ending.delaysMs[i] ?? 0n)),
    backoffs: works.flatMap((work, i) => work.keys.map(() => ending.backoffs[i] ?? 0n)),
    until: ending.until ?? null,
    cause: ending.cause ?? null,
  });

/** How a transaction ends works. */
export interface HowInTransaction {
  /**
   * They are proved first, and end in the message of the COMMIT: their lock rows are written as late as can be, so that
   * claims which look at them do not wait, and no message is sent for it. What is sealed behind it is planned as claims
   * are, once and by index. Default: they end first, which proves them too.
   */
  readonly last?: boolean;
  readonly isolation?: TransactOptions['isolation'] | undefined;
}

/**
 * Proves works to begin with. On PostgreSQL it locks their rows, as an end that comes first does: anybody else who locks them
 * before what the body writes would come to a deadlock with it. On CockroachDB claims would wait for the locks.
 */
function proveAll(
  tx: Transaction,
  { works, keys: { sessionId } }: Batch,
  system: GuardedExecutor['system'],
): Promise<unknown> {
  const prove = system === 'postgresql' ? sealWork : holdWork;
  const keys = works.flatMap((work) => work.keys);
  return Promise.all(keys.map(({ kind, target, token }) => prove(tx, { kind, target, token, sessionId })));
}

/**
 * Ends works in a transaction: the release, and what `body` does, all or nothing. Inside of an outer transaction it is
 * that one's outcome which counts. One that is not known leaves the works held, so that they can be ended again: then
 * the history tells whether they were.
 */
export async function endInTransaction<T>(
  ender: Ender,
  batch: Batch,
  ending: Ending,
  body?: TransactionBody<T>,
  { last = false, isolation }: HowInTransaction = {},
): Promise<T> {
  const { works, kind } = batch;
  const { system } = ender.executor;
  let value: T | undefined;
  let returned = false;
  let joined = false;
  let attempts = 0;
  for (const work of works) work.begin();
  try {
    const result = await ender.transact(
      async (tx, info) => {
        attempts = info.attempt;
        joined = isPart(tx);
        onOutcome(tx, (outcome) => {
          if (outcome === 'committed') for (const work of works) work.end(ending.event);
          else if (returned) for (const work of works) work.reopen();
        });
        for (const work of works) unseal(tx, work);
        const release = releaseOf(batch, ending);
        const translate = (error: unknown) =>
          refusalIn(error) === 'lease-lost' ? leaseLost(batch) : undefined;
        if (last && system === 'postgresql')
          seal(tx, { owner: batch, statement: planAsForClaims, translate });
        if (last) seal(tx, { owner: works[0]!, statement: release, translate });
        // Without awaiting it: the body's first statement leaves in the same message.
        const proof = last ? proveAll(tx, batch, system) : tx.execute(plannedEachTime(release));
        const proved = proof.catch((error: unknown) => {
          throw translate(error) ?? error;
        });
        value = await behind(proved, async () => body?.(tx, info) as T);
        return value as T;
      },
      // Idempotent: if an earlier attempt was committed and its answer lost, the proof of the next one says so.
      { name: `${kind} ${ending.event}`, idempotent: true, ...(isolation && { isolation }) },
    );
    returned = true;
    return result;
  } catch (error) {
    returned = true;
    try {
      return await afterFailure(error);
    } finally {
      for (const work of works) work.reopen();
    }
  }
  async function afterFailure(error: unknown): Promise<T> {
    const lease = error instanceof LeaseLostError;
    if (!lease && !(error instanceof AmbiguousCommitError)) throw error;
    // Another connection would wait for the locks of the outer transaction, which waits here.
    const ask = <R>(question: (executor: Executor) => Promise<R>) =>
      joined
        ? ender.transact(question, { readOnly: true })
        : persistently(
            ender.executor,
            () => question(ender.executor),
            () => (attempts > 1 && lease ? ambiguous(`${kind} ${ending.event}`, error) : error),
          );
    if (await ask((executor) => hasEnded(executor, batch, ending.event))) {
      for (const work of works) work.end(ending.event);
      return value as T;
    }
    if (!lease) throw error;
    throw await ask((executor) => lostAmong(executor, batch, error));
  }
}

/**
 * Starts the body without waiting for the proof, so that its first statement leaves in the same message. The proof
 * raises on the server: what was sent behind it has no effect when it fails, and its failure is the one thrown.
 */
export async function behind<T>(proof: Promise<unknown>, body: () => Promise<T> | T): Promise<T> {
  proof.catch(() => {});
  const result = (async () => body())();
  result.catch(() => {});
  await proof;
  return result;
}

/** How this session has ended each work, as far as the database tells. */
async function endsOf(executor: Executor, { kind, keys, works }: Batch): Promise<(WorkResult | undefined)[]> {
  const rows = await endedKeys(executor, {
    kind,
    sessionId: keys.sessionId,
    targets: works.map(({ target }) => target),
    tokens: works.map(({ token }) => token),
  });
  const events = new Map(rows.map(({ target, event }) => [target, event as WorkResult | null]));
  return works.map(({ target }) => events.get(target) ?? undefined);
}

/**
 * Whether this session has ended all of them so, as far as the database tells: by a try whose answer was lost. One that it
 * has ended otherwise needs no canceling, and throws MisuseError for all else.
 */
async function hasEnded(executor: Executor, batch: Batch, event: WorkResult): Promise<boolean> {
  const ends = await endsOf(executor, batch);
  if (ends.every((end) => end === event)) return true;
  const [work] = batch.works;
  if (batch.works.length > 1 || !ends[0]) return false;
  work!.end(ends[0]);
  if (event === 'canceled') return true;
  throw new MisuseError(
    'HOLDFAST_WORK_ENDED',
    `${VERBS[event]}: ${batch.kind} of ${work!.target} has already ended`,
  );
}

/** Finds out which works were taken over, tells them, and gives the error that says so. */
async function lostAmong(executor: Executor, { kind, keys, works }: Batch, cause: unknown): Promise<Error> {
  const held = await heldKeys(executor, {
    kinds: [...keys.keyKinds],
    targets: [...keys.keyTargets],
    tokens: [...keys.keyTokens],
    sessionId: keys.sessionId,
  });
  const names = new Set(held.map((key) => JSON.stringify([key.kind, key.target])));
  const lost = works.filter((work) =>
    work.keys.some((key) => !names.has(JSON.stringify([key.kind, key.target]))),
  );
  if (lost.length === 0) return cause as Error;
  const some = lost.slice(0, 5).map(({ target }) => target);
  const error =
    works.length === 1
      ? leaseLostOf(works[0]!)
      : new LeaseLostError(
          `${lost.length} of ${works.length} works of ${kind} were taken over, so none of them ended: ${some.join(', ')}`,
        );
  for (const work of lost) work.lose(error);
  return error;
}

const ambiguous = (what: string, cause: unknown) =>
  new AmbiguousCommitError(
    `the answer to ${what} was lost, and it could not be found out whether it was carried out`,
    { cause },
  );

/** One or more calls that end works by the same statement. */
interface EndCall {
  readonly batch: Batch;
  readonly ending: Ending;
  readonly change: BoundChange<'finish'> | undefined;
}

/** Ends works by one statement in one round trip; calls that differ in nothing but their works share statements. */
export class Endings {
  readonly #ender: Ender;
  readonly #batcher: Batcher<EndCall, void>;

  constructor(ender: Ender) {
    this.#ender = ender;
    this.#batcher = new Batcher(MOST_WORKS, (calls) => this.#together(calls));
  }

  /** Throws LeaseLostError when one of the works was taken over, and then none of them has ended. */
  async end(batch: Batch, ending: Ending, change: BoundChange<'finish'> | undefined): Promise<void> {
    const { event, cause, until } = ending;
    const key = `${batch.kind} ${event} ${change?.key} ${JSON.stringify([cause, until])}`;
    await whileEnding(batch, event, () =>
      this.#batcher.call(key, batch.works.length, { batch, ending, change }),
    );
  }

  /** What the server refuses is tried again one by one, so that one call's failure is nobody else's. */
  async #together(calls: readonly EndCall[]): Promise<readonly Answer<void>[]> {
    try {
      await this.#carryOut(calls.length === 1 ? calls[0]! : joined(calls));
      return calls.map(() => ({ value: undefined }));
    } catch (thrown) {
      const ofOne = thrown instanceof DatabaseError || thrown instanceof LeaseLostError;
      // When the session has ended each would only be told the same.
      if (calls.length === 1 || !ofOne || this.#ender.executor.signal.aborted) throw thrown;
      return Promise.all(
        calls.map((call) =>
          this.#carryOut(call).then(
            (value): Answer<void> => ({ value }),
            (error: unknown): Answer<void> => ({ error }),
          ),
        ),
      );
    }
  }

  async #carryOut({ batch, ending, change }: EndCall): Promise<void> {
    const { executor } = this.#ender;
    await settled(this.#ender, batch, ending.event, async () => {
      const refusal = change && randomUUID();
      const statement = change
        ? change.statement({ ...batch.keys, refusal: refusal! }, executor.system)
        : releaseOf(batch, ending);
      return { refusal, run: () => executor.execute(statement) };
    });
  }

  /**
   * Finishes works and claims others in one commit and one round trip: both or neither. Where the claim found nothing it is
   * empty, though the finish may have made something claimable.
   */
  async endAndClaim(
    batch: Batch,
    change: BoundChange<'finish'>,
    query: BoundClaim,
    wanted: number,
  ): Promise<readonly Claimed[]> {
    const { executor } = this.#ender;
    const look = (await claimSource(query).look(this.#ender, wanted))!;
    let claimNumber = 0n;
    let taken: readonly Claimed[] = [];
    await whileEnding(batch, 'finished', () =>
      settled(
        this.#ender,
        batch,
        'finished',
        async () => {
          const caller = callerOf(this.#ender, wanted);
          claimNumber = caller.claimNumber;
          // The two share the refusal, so that one look at the error tells.
          const keys = { ...batch.keys, refusal: caller.refusal };
          const statements = finishAndClaim(executor.system, [change, keys], query, caller);
          const run = () =>
            statements.length === 1 ? executor.execute(statements[0]!) : executor.executeTogether(statements);
          return {
            refusal: caller.refusal,
            run: async () => {
              taken = look.read(await run()).taken;
            },
          };
        },
        // Void first: afterwards it is known for good whether it was carried out.
        async () => {
          taken = look.settled(await settleClaim(executor, this.#ender.id, claimNumber));
        },
      ),
    );
    return taken;
  }
}

async function whileEnding<T>({ works }: Batch, event: WorkResult, act: () => Promise<T>): Promise<T> {
  for (const work of works) work.begin();
  try {
    const value = await act();
    for (const work of works) work.end(event);
    return value;
  } finally {
    for (const work of works) work.reopen();
  }
}

function joined(calls: readonly EndCall[]): EndCall {
  const batches = calls.map(({ batch }) => batch);
  const [{ batch, ending, change }] = calls as [EndCall];
  const all = <K extends 'targets' | 'keyKinds' | 'keyTargets' | 'keyTokens'>(key: K) =>
    batches.flatMap(({ keys }) => keys[key] as readonly never[]);
  return {
    batch: {
      kind: batch.kind,
      works: batches.flatMap(({ works }) => works),
      keys: {
        sessionId: batch.keys.sessionId,
        targets: all('targets'),
        keyKinds: all('keyKinds'),
        keyTargets: all('keyTargets'),
        keyTokens: all('keyTokens'),
      },
    },
    ending: {
      ...ending,
      delaysMs: calls.flatMap((call) => call.ending.delaysMs),
      backoffs: calls.flatMap((call) => call.ending.backoffs),
    },
    change,
  };
}

/**
 * Sends what ends works until it is known what became of it; the one place where a lost answer of an end is settled. A token
 * ends once: if a try whose answer was lost was carried out, the next one is refused, and the history says by whom. Bounded
 * by the session's life and by `settleWithinMs`; then AmbiguousCommitError. `settle` makes sure that the last try is over.
 */
async function settled(
  ender: Ender,
  batch: Batch,
  event: WorkResult,
  prepare: () => Promise<{ readonly refusal: string | undefined; readonly run: () => Promise<unknown> }>,
  settle?: () => Promise<void>,
): Promise<void> {
  const { executor } = ender;
  let lost: AmbiguousCommitError | undefined;
  const ended = (refused: unknown = lost) =>
    persistently(
      executor,
      () => hasEnded(executor, batch, event),
      () => lost ?? refused,
    );
  const attempt = async (): Promise<void> => {
    const { refusal, run } = await prepare();
    try {
      await run();
    } catch (error) {
      const why = refusalIn(error, refusal);
      if (why === 'session-expired') {
        const expired = ender.expired();
        throw lost ?? expired;
      }
      if (why === 'lease-lost') {
        if (await ended(leaseLost(batch))) return;
        throw await persistently(
          executor,
          () => lostAmong(executor, batch, error),
          () => lost ?? leaseLost(batch),
        );
      }
      if (why === 'claim-void') return attempt();
      if (!answerIsLost(error)) throw error;
      lost ??= ambiguous(`${batch.kind} ${event}`, error);
      if (settle) {
        await persistently(executor, settle, () => lost);
        if (await ended()) return;
      }
      const said = saidBy(error);
      if (said && (await ended())) return;
      if (said) throw said;
      throw error;
    }
  };
  try {
    await attempt();
  } catch (error) {
    if (!answerIsLost(error) || error === lost) throw error;
    await persistently(executor, attempt, () => lost);
  }
}

const leaseLost = ({ kind, works }: Batch) =>
  works.length === 1 ? leaseLostOf(works[0]!) : new LeaseLostError(`works of ${kind} are no longer held`);

export const leaseLostOf = ({ kind, target, token }: HeldWork) =>
  new LeaseLostError(`${kind} of ${target} is no longer held with token ${token}: it was taken over`);

/** Makes a change and keeps the works, in one statement and one round trip. */
export async function stepWorks(ender: Ender, batch: Batch, change: BoundChange<'step'>): Promise<void> {
  const { executor } = ender;
  const refusal = randomUUID();
  try {
    await executor.execute(change.statement({ ...batch.keys, refusal }, executor.system));
  } catch (error) {
    const why = refusalIn(error, refusal);
    if (why === 'session-expired') throw ender.expired();
    if (why === 'lease-lost')
      throw await persistently(
        executor,
        () => lostAmong(executor, batch, error),
        () => leaseLost(batch),
      );
    if (answerIsLost(error)) throw saidBy(error) ? error : ambiguous(`${change.name}`, error);
    throw error;
  }
}
