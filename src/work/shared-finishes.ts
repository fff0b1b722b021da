import { DatabaseError } from '../base/index.ts';
import type { FinishedKeys } from '../query/index.ts';
import { type FinishCall, finishByQuery } from './claim-query.ts';
import { type Answer, Departures } from './departures.ts';
import type { GuardedExecutor } from './settle.ts';

/** Works that one flight ends, at most. */
const MOST_WORKS = 100;

type AnyFinish = FinishCall<object>;

/**
 * Finishes that differ in nothing but their works travel together while another such flight is under way: one
 * statement for all of them. What the server refuses is tried again one by one, so that one's failure is nobody else's.
 */
export function sharedFinishes(executor: GuardedExecutor): <P>(call: FinishCall<P>) => Promise<void> {
  const alone = (call: AnyFinish) => finishByQuery(executor, call);
  const departures = new Departures<AnyFinish, void>(MOST_WORKS, async (calls) => {
    try {
      await alone(together(calls));
      return calls.map(() => ({ value: undefined }));
    } catch (thrown) {
      // When the session has ended each would only be told the same.
      if (calls.length === 1 || !(thrown instanceof DatabaseError) || executor.signal.aborted) throw thrown;
      return Promise.all(
        calls.map((call) =>
          alone(call).then(
            (value): Answer<void> => ({ value }),
            (error: unknown): Answer<void> => ({ error }),
          ),
        ),
      );
    }
  });
  return async <P>(call: FinishCall<P>) => {
    const given = call as AnyFinish;
    await departures.take(kindOf(given, executor.system), given.keys.keyTargets.length, given);
  };
}

const NO_KEYS = { targets: [], keyKinds: [], keyTargets: [], keyTokens: [] };
const numbers = new WeakMap<object, number>();
let last = 0;

/** The query and all values that its author named. Encoding them refuses those that cannot be, for who gave them. */
function kindOf(
  { query, params, keys: { sessionId } }: AnyFinish,
  system: GuardedExecutor['system'],
): string {
  const number = numbers.get(query) ?? ++last;
  numbers.set(query, number);
  const { values } = query.statement({ ...params, ...NO_KEYS, sessionId }, system);
  return `${number}${JSON.stringify(values)}`;
}

function together(calls: readonly AnyFinish[]): AnyFinish {
  const [first] = calls;
  if (calls.length === 1) return first!;
  const all = <K extends Exclude<keyof FinishedKeys, 'sessionId'>>(key: K) =>
    calls.flatMap(({ keys }) => keys[key] as readonly FinishedKeys[K][number][]) as FinishedKeys[K];
  return {
    ...first!,
    keys: {
      sessionId: first!.keys.sessionId,
      targets: all('targets'),
      keyKinds: all('keyKinds'),
      keyTargets: all('keyTargets'),
      keyTokens: all('keyTokens'),
    },
  };
}
