import { ConnectionLostError, within } from '../base/index.ts';
import type { RawResult } from '../query/index.ts';
import type { DriverConnection } from './driver.ts';

/** What the server is and what it can do. The server says so itself; it is never configured. */
export interface Engine {
  readonly system: 'cockroachdb' | 'postgresql';
  /** [major, minor] as the server says it: [22, 1], [18, 4]. */
  readonly version: readonly [number, number];
  readonly versionText: string;
  readonly capabilities: Capabilities;
  /** Limits that the server, the database or the role has, as they were when this was asked: ours never raise them. */
  readonly limits: Limits;
}

/** Milliseconds; undefined: none. */
export interface Limits {
  readonly statementMs?: number | undefined;
  readonly transactionMs?: number | undefined;
  readonly idleInTransactionMs?: number | undefined;
}

export interface Capabilities {
  /** SAVEPOINT cockroach_restart renews the transaction; RELEASE of it is the real commit. */
  readonly restartSavepoint: boolean;
  /** A row lock taken on a row that was deleted since the snapshot fails: see SealSession. */
  readonly lockDetectsDelete: boolean;
  readonly transactionTimeout: boolean;
}

/** Reads the version text of `SELECT version()`. */
export function engineOf(versionText: string, limits: Limits = {}): Engine {
  const cockroach = /CockroachDB .*?v(\d+)\.(\d+)/.exec(versionText);
  const match = cockroach ?? /PostgreSQL (\d+)\.?(\d+)?/.exec(versionText);
  const version = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)] as const;
  const atLeast = (major: number, minor: number) =>
    version[0] > major || (version[0] === major && version[1] >= minor);
  const isCockroach = versionText.includes('CockroachDB');
  return {
    system: isCockroach ? 'cockroachdb' : 'postgresql',
    version,
    versionText,
    capabilities: {
      restartSavepoint: isCockroach,
      lockDetectsDelete: !isCockroach,
      transactionTimeout: isCockroach ? atLeast(23, 2) : atLeast(17, 0),
    },
    limits,
  };
}

/** What answers a connection. */
export interface Detected {
  readonly engine: Engine;
  /** No pooler stands between: it has the process id that the connection was given at its start. */
  readonly isDirect: boolean;
}

const ABOUT = `SELECT version(), pg_backend_pid(), ${[
  'statement_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
]
  .map((name) => `(SELECT s.setting FROM pg_catalog.pg_settings AS s WHERE s.name = '${name}')`)
  .join(', ')}`;

/** One round trip. Throws ConnectionLostError when the server does not answer within `ms`. */
export async function detectOn(connection: DriverConnection, ms: number): Promise<Detected> {
  const { rows } = await askSimply(connection, ABOUT, ms);
  const [version, processId, ...timeouts] = rows[0] ?? [];
  const [statementMs, transactionMs, idleInTransactionMs] = timeouts.map(limitOf);
  return {
    engine: engineOf(version ?? '', { statementMs, transactionMs, idleInTransactionMs }),
    isDirect: processId === String(connection.processId),
  };
}

/** Reads a setting in milliseconds, where zero is none. */
const limitOf = (setting: string | null): number | undefined => Number(setting) || undefined;

/** Throws ConnectionLostError when the server does not answer within `ms`. */
export const askSimply = (connection: DriverConnection, text: string, ms: number): Promise<RawResult> =>
  within(ms, connection.sendSimple(text), () => {
    throw new ConnectionLostError(`the server did not answer within ${ms} ms`);
  });
