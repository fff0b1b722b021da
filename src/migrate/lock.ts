import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MigrationError } from '../base/index.ts';
import type { Executor } from '../query/index.ts';
import type { MigrationConnection, MigrationTarget } from './connection.ts';
import { contention, retryOn } from './retry.ts';

export interface LockOptions {
  /** How long the lock outlives a holder that died. */
  readonly leaseMs: number;
  /** How long to wait for another holder. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Asked while waiting: true when the other holder did what we came for. */
  readonly isDone: () => Promise<boolean>;
}

const pollIntervalMs = 200;

/**
 * The lock is a leased row: CockroachDB has no advisory locks, and a lock that hangs on a connection says
 * nothing about a process that is stalled. It is renewed on a connection of its own, since a schema change
 * may keep the other one busy for hours.
 *
 * A holder stops by its own monotonic clock before the lease can have run out on the server.
 */
export class MigrationLock implements AsyncDisposable {
  readonly #connection: MigrationConnection;
  readonly #holder: string;
  readonly #leaseMs: number;
  readonly #stopped = new AbortController();
  readonly #renewing: Promise<void>;
  #heldUntil: number;

  /** Waits for the lock. Undefined when `isDone` said that there is nothing left to do. */
  static async acquire(target: MigrationTarget, options: LockOptions): Promise<MigrationLock | undefined> {
    const connection = await target.open();
    try {
      const holder = randomUUID();
      for (const giveUpAt = performance.now() + options.waitMs; ; ) {
        options.signal?.throwIfAborted();
        const sentAt = performance.now();
        if (await take(connection, holder, options.leaseMs)) {
          return new MigrationLock(connection, holder, options.leaseMs, sentAt + options.leaseMs);
        }
        if (await options.isDone()) break;
        if (performance.now() > giveUpAt) {
          throw new MigrationError(
            'lock-timeout',
            `another migration held the lock for ${options.waitMs / 1000} s: see that it ends, then run this again`,
          );
        }
        await delay(pollIntervalMs * (0.5 + Math.random()), undefined, { signal: options.signal });
      }
    } catch (error) {
      await connection.close().catch(() => {});
      throw error;
    }
    await connection.close();
    return undefined;
  }

  private constructor(connection: MigrationConnection, holder: string, leaseMs: number, heldUntil: number) {
    this.#connection = connection;
    this.#holder = holder;
    this.#leaseMs = leaseMs;
    this.#heldUntil = heldUntil;
    this.#renewing = this.#keepRenewing();
  }

  /** What the row says while the lock is ours; statements that record something are bound to it. */
  get holder(): string {
    return this.#holder;
  }

  /** @throws MigrationError `lock-lost` when another process may have the lock by now. */
  assertHeld(): void {
    if (performance.now() >= this.#heldUntil) throw lockLost();
  }

  /** Inside a transaction that must not commit unless the lock is still ours. */
  async assertHeldAtCommit(executor: Executor): Promise<void> {
    this.assertHeld();
    if (!(await renew(executor, this.#holder, this.#leaseMs))) throw lockLost();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#renewing;
    // Should this fail, the lease runs out by itself.
    await this.#connection
      .execute({ text: 'DELETE FROM holdfast.migration_lock WHERE holder = $1', values: [this.#holder] })
      .catch(() => {});
    await this.#connection.close().catch(() => {});
  }

  async #keepRenewing(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await delay(this.#leaseMs / 3, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        const sentAt = performance.now();
        if (await retryOn(contention, () => renew(this.#connection, this.#holder, this.#leaseMs))) {
          this.#heldUntil = sentAt + this.#leaseMs;
          continue;
        }
      } catch {
        // The lease runs out; assertHeld says so.
        return;
      }
      this.#heldUntil = 0;
      return;
    }
  }
}

export function lockLost(): MigrationError {
  return new MigrationError(
    'lock-lost',
    'this process was stalled, and another one may be migrating now: look at the status, then run it again',
  );
}

async function take(executor: Executor, holder: string, leaseMs: number): Promise<boolean> {
  const { rows } = await retryOn(contention, () =>
    executor.execute({
      text: `INSERT INTO holdfast.migration_lock (lock_name, holder, expires_at)
        VALUES ('migrate', $1, clock_timestamp() + $2::INT8 * INTERVAL '1 millisecond')
        ON CONFLICT (lock_name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
        WHERE migration_lock.expires_at <= clock_timestamp()
        RETURNING holder`,
      values: [holder, String(leaseMs)],
    }),
  );
  return rows.length === 1;
}

async function renew(executor: Executor, holder: string, leaseMs: number): Promise<boolean> {
  const { rows } = await executor.execute({
    text: `UPDATE holdfast.migration_lock
      SET expires_at = clock_timestamp() + $2::INT8 * INTERVAL '1 millisecond'
      WHERE lock_name = 'migrate' AND holder = $1
      RETURNING holder`,
    values: [holder, String(leaseMs)],
  });
  return rows.length === 1;
}
