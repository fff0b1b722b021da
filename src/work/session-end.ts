import { heartbeat } from '../queries/sessions.ts';
import { raised, SESSION_EXPIRED } from '../sessions/index.ts';
import type { Fence } from '../transact/index.ts';
import { type GuardedExecutor, persistently } from './settle.ts';

interface Mortal {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly fence: Fence;
  expire(why: string): void;
}

/**
 * The session's end, if that is what a claim or finish raised. Those are one statement with a user's SQL in it, in
 * which a value that does not cast can read like the session's own refusal. So that is not believed, or whoever may
 * write such a value could end a healthy session for good: the database is asked by the fence and a heartbeat, which
 * have no values of users. It costs a round trip only after a refusal, and nothing in the text has to be a secret.
 */
export async function sessionEnd(
  executor: GuardedExecutor,
  session: Mortal,
  error: unknown,
): Promise<Error | undefined> {
  if (!raised(error, SESSION_EXPIRED)) return undefined;
  const { fence, id, signal } = session;
  const beat = heartbeat.statement({ sessionIds: [id] });
  const ask = async () => {
    try {
      return heartbeat.result(await executor.executeTogether([fence.open, beat])).length > 0;
    } catch (refusal) {
      if (fence.translate(refusal)) return false;
      throw refusal;
    }
  };
  if (await persistently(executor, ask, () => signal.reason)) return undefined;
  session.expire('it is past its deadline, was closed, or its work was taken over');
  return signal.reason as Error;
}
