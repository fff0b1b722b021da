/**
 * Holdfast: sessions that prove a worker is alive, work that only one of them can hold, and transactions that
 * commit exactly once, on CockroachDB and PostgreSQL.
 */
export {
  AmbiguousCommitError,
  CommittedWithSchemaErrorsError,
  ConnectError,
  ConnectionLostError,
  DatabaseClosedError,
  DatabaseError,
  DeadlineExceededError,
  HoldfastError,
  LeaseLostError,
  MigrationError,
  type MisuseCode,
  MisuseError,
  PoolTimeoutError,
  RetriesExhaustedError,
  RolledBackError,
  SchemaVersionError,
  SessionExpiredError,
} from './base/index.ts';
export { connect, type Database } from './client/index.ts';
export type { Capabilities, ConnectOptions, Engine } from './database/index.ts';
export {
  type ExplainOptions,
  type Explanation,
  explain,
  type Face,
  type FaceFacts,
  type FaceGauges,
  type FacePart,
  type FaceSweep,
  type Fact,
  type Finding,
  type GaugeRows,
  type HistoryEvent,
  history,
  type TargetState,
  type UpkeepHost,
  type Wish,
} from './faces/index.ts';
export {
  checkSchema,
  type MigrateDownOptions,
  type MigrateOptions,
  type MigrationEvent,
  type MigrationPlace,
  type MigrationStatus,
  migrate,
  migrateDown,
  migrationStatus,
  type StatusReport,
} from './migrate/index.ts';
export { listSessions } from './queries/sessions.ts';
export { activeWork, listKinds, quarantinedWork, workHistory } from './queries/work.ts';
export {
  type BoundChange,
  type BoundClaim,
  type BoundQuery,
  type ClaimQuery,
  type CompiledQuery,
  type Executor,
  type FinishQuery,
  type RawResult,
  RowCountError,
  type SqlValue,
  type Statement,
  type StepQuery,
  sql,
} from './query/index.ts';
export type { SessionOptions } from './sessions/index.ts';
export type { Watch } from './topics/index.ts';
export type { AttemptInfo, Transaction, TransactionBody, TransactOptions } from './transact/index.ts';
export {
  type CountPending,
  type Janitor,
  type JanitorOptions,
  runJanitor,
  type Sweep,
} from './upkeep/index.ts';
export {
  type Backoff,
  bucketOf,
  type Candidate,
  type CandidateSource,
  type Candidates,
  type ControlLoop,
  type ControlLoopOptions,
  type ExclusionKey,
  type FailOptions,
  type FinishOptions,
  type Handle,
  type KindOptions,
  type Kinds,
  type LoopPhase,
  type LoopState,
  type ParkUntil,
  type RotatingSource,
  rotating,
  runControlLoop,
  type Session,
  type Source,
  type Work,
  type WorkResult,
} from './work/index.ts';
