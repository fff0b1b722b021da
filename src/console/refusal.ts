import {
  ConnectError,
  ConnectionLostError,
  DatabaseClosedError,
  DatabaseError,
  DeadlineExceededError,
  HoldfastError,
  MisuseError,
  PoolTimeoutError,
} from '../base/index.ts';

/** A request that is not answered: a status, and one line that says why and what mends it. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, line: string) {
    super(line);
    this.status = status;
  }
}

const NOT_ALLOWED = '42501';

/** What somebody is told of an error; the program's log has the rest. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof MisuseError) return new Refusal(400, error.message);
  if (error instanceof DatabaseError && error.code === NOT_ALLOWED)
    return new Refusal(403, "the database refuses it: the console's SQL user has not the right");
  const isAway =
    error instanceof ConnectError ||
    error instanceof ConnectionLostError ||
    error instanceof DatabaseClosedError ||
    error instanceof DeadlineExceededError ||
    error instanceof PoolTimeoutError;
  if (isAway) return new Refusal(503, 'the database does not answer now');
  // What is none of these is an answer of the program's: held by somebody, not there, not possible from this state.
  if (error instanceof HoldfastError && !(error instanceof DatabaseError))
    return new Refusal(409, error.message);
  return new Refusal(500, 'the console failed; its log says why');
}
