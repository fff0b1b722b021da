import { HoldfastError } from './holdfast-error.ts';

/** What the server said, field by field, as in the ErrorResponse message. */
export interface ServerErrorFields {
  /** The five characters of the SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly severity?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** 1-based character position in the statement. */
  readonly position?: number | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  readonly routine?: string | undefined;
  /** Name of the compiled query that was refused. Not of the server. */
  readonly query?: string | undefined;
}

/**
 * The server refused a statement. `code` is the SQLSTATE, so `error.code === '23505'` works the same
 * on both drivers. `detail` may quote row values, so it is not enumerable: who logs the error does not log it. A `message` may
 * quote a value that is not of its type.
 */
export class DatabaseError extends HoldfastError implements ServerErrorFields {
  readonly code: string;
  readonly severity?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly position?: number | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  readonly routine?: string | undefined;
  readonly query?: string | undefined;

  constructor(fields: ServerErrorFields) {
    super(fields.message);
    this.code = fields.code;
    this.severity = fields.severity;
    Object.defineProperty(this, 'detail', { value: fields.detail, enumerable: false });
    this.hint = fields.hint;
    this.position = fields.position;
    this.schema = fields.schema;
    this.table = fields.table;
    this.column = fields.column;
    this.constraint = fields.constraint;
    this.routine = fields.routine;
    this.query = fields.query;
  }
}

/** Why a connection could not be made, told apart so that each gets its own advice. */
export type ConnectFailure =
  | 'refused'
  | 'unknown-host'
  | 'authentication'
  | 'unknown-database'
  | 'tls'
  | 'timeout'
  | 'too-many-connections'
  /** No way leads there from this machine. */
  | 'unreachable'
  /** A start-up parameter is refused, or a setting that values depend on cannot be had. */
  | 'settings'
  /** It takes no writes, or is otherwise not what `target_session_attrs` asks for. */
  | 'wrong-role'
  | 'unavailable';

/** No connection could be made. `message` says what to mend; it never holds the password. */
export class ConnectError extends HoldfastError {
  readonly code = 'HOLDFAST_CONNECT';
  readonly reason: ConnectFailure;

  constructor(reason: ConnectFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** The connection ended while it was in use. Whether a statement under way took effect is not known. */
export class ConnectionLostError extends HoldfastError {
  readonly code = 'HOLDFAST_CONNECTION_LOST';
}

/** No connection of the pool became free in time. Nothing was sent. */
export class PoolTimeoutError extends HoldfastError {
  readonly code = 'HOLDFAST_POOL_TIMEOUT';
}

/** The database handle was closed. */
export class DatabaseClosedError extends HoldfastError {
  readonly code = 'HOLDFAST_DATABASE_CLOSED';

  constructor() {
    super('the database handle is closed: connect() again before using it');
  }
}

/** The database's schema and this release do not fit. */
export class SchemaVersionError extends HoldfastError {
  readonly code = 'HOLDFAST_SCHEMA_VERSION';
  readonly reason: 'unmigrated' | 'behind' | 'ahead';

  constructor(reason: 'unmigrated' | 'behind' | 'ahead', message: string) {
    super(message);
    this.reason = reason;
  }
}
