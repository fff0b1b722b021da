import { DatabaseError } from '../base/index.ts';
import { fenceSession, sealSession } from '../queries/sessions.ts';
import type { Statement } from '../query/index.ts';
import type { Fence } from '../transact/index.ts';

/** What the fence statements raise; see FenceSession. */
export const SESSION_EXPIRED = 'holdfast:session-expired';

/**
 * True when the server raised the given sentinel: a text that does not cast to INT8. Where the statement casts values
 * of a user's too it proves nothing, for theirs may be the same text.
 */
export function raised(error: unknown, sentinel: string): boolean {
  return error instanceof DatabaseError && error.code === '22P02' && error.message.includes(sentinel);
}

interface Fenced {
  readonly id: string;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  assertAlive(): void;
  expire(why: string): void;
}

/**
 * Proves in every transaction that the session's row is there. A take-over of the session's work deletes
 * that row first, so a transaction of the dead session either committed before the take-over or never does.
 */
export class SessionFence implements Fence {
  readonly open: Statement;
  readonly seal: Statement;
  readonly idleTimeoutMs: number;
  readonly #session: Fenced;

  constructor(session: Fenced) {
    this.#session = session;
    this.idleTimeoutMs = session.intervalMs;
    this.open = fenceSession.statement({ sessionId: session.id });
    this.seal = sealSession.statement({ sessionId: session.id });
  }

  assertAlive(): void {
    this.#session.assertAlive();
  }

  translate(error: unknown): Error | undefined {
    if (!raised(error, SESSION_EXPIRED)) return undefined;
    this.#session.expire('its row is gone: closed, or its work was taken over');
    return this.#session.signal.reason as Error;
  }
}
