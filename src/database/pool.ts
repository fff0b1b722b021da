import {
  ConnectError,
  DatabaseClosedError,
  DatabaseError,
  jittered,
  LONGEST_TIMER_MS,
  PoolTimeoutError,
  within,
} from '../base/index.ts';
import { resetState } from './connection-state.ts';
import type { Address } from './connection-url.ts';
import type { Driver, DriverConnection } from './driver.ts';
import { isReadOnlyRefusal, unsuitable } from './host-role.ts';
import { Hosts } from './hosts.ts';
import { Lease } from './lease.ts';
import { isStalePlan } from './stale-plan.ts';

export interface PoolOptions {
  readonly max: number;
  readonly acquireTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Default: for ever. */
  readonly maxLifetimeMs?: number | undefined;
  readonly connectTimeoutMs: number;
  readonly applicationName: string;
  /** False: nothing is prepared. Default true. */
  readonly prepare?: boolean | undefined;
}

export interface AcquireOptions {
  /** Leave the queue when it aborts; rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Do not wait past this reading of performance.now(). */
  readonly deadline?: number | undefined;
}

export interface UseOptions extends AcquireOptions {
  /** Called when the connection is there, just before the statement is sent. */
  readonly begins?: (() => void) | undefined;
  /** The connection is in this set while the statement runs, so that the set's owner can cut it. */
  readonly running?: Set<DriverConnection> | undefined;
}

const LEFT_OPEN = 'it was left in a transaction';

interface Waiter {
  readonly give: (connection: DriverConnection) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Connections of one driver, at most `max` of them, handed out first come first served. Both drivers use this
 * one pool, so waiting, deadlines, cancellation and what counts as reusable are the same for both.
 *
 * A connection comes back by `release` only when its user knows that it is idle (no transaction, nothing unanswered),
 * else by `discard`. One that is in a transaction, as its server says, is cut in either case.
 */
export class Pool {
  readonly #driver: Driver;
  readonly #address: Address;
  readonly #options: PoolOptions;
  readonly #hosts: Hosts;
  readonly #idle: { connection: DriverConnection; timer: NodeJS.Timeout }[] = [];
  readonly #busy = new Set<DriverConnection>();
  readonly #waiters: Waiter[] = [];
  readonly #closeAt = new WeakMap<DriverConnection, number>();
  #opening = 0;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(driver: Driver, address: Address, options: PoolOptions) {
    this.#driver = driver;
    this.#address = address;
    this.#options = options;
    const { connectTimeoutMs, acquireTimeoutMs } = options;
    const againMs = Math.min(connectTimeoutMs, acquireTimeoutMs) / 2;
    this.#hosts = new Hosts(address, { ...options, againMs });
  }

  get driverName(): Driver['name'] {
    return this.#driver.name;
  }

  /** What is in the pool now; tests assert that nothing leaked. */
  get stats() {
    return {
      idle: this.#idle.length,
      busy: this.#busy.size,
      opening: this.#opening,
      waiting: this.#waiters.length,
    };
  }

  /** Throws PoolTimeoutError, ConnectError, DatabaseClosedError or the signal's reason. */
  async acquire({ signal, deadline }: AcquireOptions = {}): Promise<DriverConnection> {
    if (this.#closed) throw new DatabaseClosedError();
    signal?.throwIfAborted();
    const idle = this.#takeIdle();
    if (idle) return idle;
    const patience = Math.min(this.#options.acquireTimeoutMs, (deadline ?? Infinity) - performance.now());
    return new Promise<DriverConnection>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) this.#waiters.splice(index, 1);
      };
      const waiter: Waiter = {
        give: (connection) => {
          leave();
          resolve(connection);
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = () => waiter.refuse(signal?.reason);
      const timer = setTimeout(
        () => {
          const { busy, opening } = this.stats;
          waiter.refuse(
            new PoolTimeoutError(
              `no connection became free in ${Math.round(patience)} ms (${busy} in use, ${opening} being opened, pool.max ${this.#options.max})`,
            ),
          );
        },
        Math.max(0, patience),
      );
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
      this.#openMore();
    });
  }

  /** Gives back a connection that is idle. */
  release(connection: DriverConnection): void {
    if (!this.#busy.delete(connection)) return;
    if (connection.inTransaction) connection.destroy(new Error(LEFT_OPEN));
    else resetState(connection);
    const isOld = performance.now() >= (this.#closeAt.get(connection) ?? Infinity);
    if (connection.closed || this.#closed || isOld || connection.worn) {
      void connection.close();
      this.#settle();
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter) {
      this.#busy.add(connection);
      waiter.give(connection);
      return;
    }
    const timer = setTimeout(() => this.#retire(connection), this.#options.idleTimeoutMs);
    timer.unref();
    this.#idle.push({ connection, timer });
  }

  /** Cuts a connection whose state is not known to be idle. */
  discard(connection: DriverConnection, reason?: Error): void {
    this.#busy.delete(connection);
    connection.destroy(reason);
    this.#settle();
  }

  /** Closes the idle connections to a host. */
  closeIdle(host: string, port: number): void {
    for (const { connection } of [...this.#idle])
      if (connection.host === host && connection.port === port) this.#retire(connection);
  }

  /** Opens no more connections that keep prepared statements, and closes those that are idle. */
  prepareNothing(): void {
    this.#hosts.prepareNothing();
    for (const { connection } of [...this.#idle]) this.#retire(connection);
  }

  /**
   * Whether this error says that the connection's host takes no writes any more: then the host is left, and what was
   * refused may be sent again on another connection. The connection is idle. A transaction that its user made read-only
   * is another matter.
   */
  async leaveIfReadOnly(connection: DriverConnection, error: unknown): Promise<boolean> {
    if (!isReadOnlyRefusal(error) || connection.closed) return false;
    const { connectTimeoutMs } = this.#options;
    const asked = unsuitable(connection, this.#address.targetSession, { ask: true });
    // One that does not answer is no better than one that takes no writes.
    const why = await within(connectTimeoutMs, asked, () => 'is silent').catch(() => 'is lost');
    if (why === undefined) return false;
    this.#hosts.leave(connection);
    this.closeIdle(connection.host, connection.port);
    return true;
  }

  /**
   * Runs one implicit statement. A statement whose plan went stale, or whose host takes no writes any more, did nothing:
   * it runs again, on another connection. The deadline covers the run as well: past it the connection is cut.
   */
  async use<T>(options: UseOptions, run: (connection: DriverConnection) => Promise<T>): Promise<T> {
    for (;;) {
      using lease = new Lease(this);
      const connection = await lease.take(options);
      const timer = cutAt(options.deadline, connection);
      options.running?.add(connection);
      options.begins?.();
      try {
        const value = await run(connection);
        lease.giveBack(true);
        return value;
      } catch (error) {
        if (isStalePlan(error) || (await this.leaveIfReadOnly(connection, error))) continue;
        // After a statement that the server refused, an implicit transaction is over: the connection is idle.
        lease.giveBack(error instanceof DatabaseError);
        throw error;
      } finally {
        options.running?.delete(connection);
        clearTimeout(timer);
      }
    }
  }

  /** Refuses newcomers, waits for what is in use, closes everything; cuts what is in use after `withinMs`. */
  async close(withinMs = Infinity): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(new DatabaseClosedError());
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ connection }) => connection.close()));
    if (this.#busy.size + this.#opening > 0) {
      const cut = () => {
        for (const connection of [...this.#busy])
          this.discard(connection, new Error('the database handle was closed'));
      };
      const timer = withinMs === Infinity ? undefined : setTimeout(cut, Math.min(withinMs, LONGEST_TIMER_MS));
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      clearTimeout(timer);
    }
  }

  #takeIdle(): DriverConnection | undefined {
    for (;;) {
      const entry = this.#idle.pop();
      if (!entry) return undefined;
      clearTimeout(entry.timer);
      // Behind an error, the server's last answer may have come after the connection was given back.
      if (entry.connection.inTransaction) entry.connection.destroy(new Error(LEFT_OPEN));
      if (entry.connection.closed) continue;
      this.#busy.add(entry.connection);
      return entry.connection;
    }
  }

  #retire(connection: DriverConnection): void {
    const index = this.#idle.findIndex((entry) => entry.connection === connection);
    if (index < 0) return;
    clearTimeout(this.#idle[index]!.timer);
    this.#idle.splice(index, 1);
    void connection.close();
  }

  #settle(): void {
    if (this.#closed && this.#busy.size + this.#opening === 0) this.#drained?.();
    else this.#openMore();
  }

  /** Opens as many connections as there are waiters and room for. */
  #openMore(): void {
    while (
      !this.#closed &&
      this.#waiters.length > this.#opening &&
      this.#busy.size + this.#idle.length + this.#opening < this.#options.max
    ) {
      this.#opening++;
      void this.#hosts
        .open(
          (options) => this.#driver.open(options),
          (surplus) => void surplus.close(),
        )
        .then(
          (connection) => {
            this.#opening--;
            connection.onClose(() => this.#retire(connection));
            const { maxLifetimeMs = Infinity } = this.#options;
            this.#closeAt.set(connection, performance.now() + jittered(maxLifetimeMs));
            this.#busy.add(connection);
            this.release(connection);
          },
          (error) => {
            this.#opening--;
            // The server has no place left, but one of ours comes back: the pool is as large as the server lets it be.
            const isFull = error instanceof ConnectError && error.reason === 'too-many-connections';
            if (isFull && this.#busy.size + this.#opening > 0 && !this.#closed) return;
            this.#waiters.shift()?.refuse(error);
            this.#settle();
          },
        );
    }
  }
}

function cutAt(deadline = Infinity, connection: DriverConnection): NodeJS.Timeout | undefined {
  if (deadline === Infinity) return undefined;
  return setTimeout(
    () => connection.destroy(new Error('not answered before the deadline')),
    Math.min(Math.max(0, deadline - performance.now()), LONGEST_TIMER_MS),
  );
}
