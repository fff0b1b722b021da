import { ConnectionLostError, DatabaseError, errorChain } from '../base/index.ts';

/** A CockroachDB node that lost others behind it answers with an internal error and one of these texts. */
const OUTAGE =
  /rpc error: code = (?:Unavailable|Canceled|DeadlineExceeded)|context canceled|context deadline exceeded|node unavailable|breaker (?:is )?(?:open|tripped)|replica unavailable|failed to (?:connect|send RPC)|connection (?:refused|reset)/i;

/** The node that answered is cut off from its cluster: another connection may lead to one that is not. */
export const isOutage = (error: unknown): boolean =>
  error instanceof DatabaseError && /^(?:XXUUU|XX000|58|08)/.test(error.code) && OUTAGE.test(error.message);

/** An answer too large for a string of JavaScript ends the connection, and would do so the next time. */
export const isTooLarge = (error: unknown): boolean =>
  (error as { code?: unknown } | null)?.code === 'ERR_STRING_TOO_LONG';

/** Nothing was answered, and it may be on another connection. */
export function needsAnotherConnection(error: unknown): boolean {
  if (isOutage(error)) return true;
  return error instanceof ConnectionLostError && ![...errorChain(error)].some(isTooLarge);
}
