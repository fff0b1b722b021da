import type { Executor } from '../query/index.ts';
import type { TransactionBody, TransactOptions } from '../transact/index.ts';
import type { Database } from './database.ts';

/** A database, a session, or a transaction that is under way: what is called with it becomes part of it. */
export interface Transacts extends Executor {
  transact<T>(body: TransactionBody<T>, options?: TransactOptions): Promise<T>;
}

const READ_WITHIN_MS = 30_000;

/** Deadline of a transaction that a face makes of its own: on a server that has fallen silent its caller would wait for ever. */
export const WRITE_WITHIN_MS = 60_000;

/**
 * A single statement has a snapshot of its own at READ COMMITTED, and disturbs no writer; where a database is SERIALIZABLE
 * by default it would be one of the transactions of which one has to fail.
 */
export const reading = (on: Executor): Executor =>
  'guardedWithin' in on ? (on as Database).guardedWithin(READ_WITHIN_MS) : on;
