import { HoldfastError } from './holdfast-error.ts';

/** The session is past its deadline, was closed, or its row is gone. It never revives: start another. */
export class SessionExpiredError extends HoldfastError {
  readonly code = 'HOLDFAST_SESSION_EXPIRED';
  readonly sessionId: string;

  constructor(sessionId: string, why: string) {
    super(`session ${sessionId} is expired: ${why}`);
    this.sessionId = sessionId;
  }
}

/** The work was taken over: its token is no longer the current one. Nothing was changed. */
export class LeaseLostError extends HoldfastError {
  readonly code = 'HOLDFAST_LEASE_LOST';
}
