import { ConnectError } from '../base/index.ts';
import type { Address, Host } from './connection-url.ts';
import type { DriverOptions } from './driver.ts';
import { connectFailure, connectWithin, nameOf } from './drivers/failures.ts';
import { type Asked, unsuitable } from './host-role.ts';

export interface HostSettings {
  readonly connectTimeoutMs: number;
  /** All hosts are tried once more after so long: one that has stopped may be back, or another one is there. */
  readonly againMs: number;
  readonly applicationName: string;
  readonly prepare?: boolean | undefined;
}

/** A host that has not answered for so long is joined by the next one. */
const NEXT_HOST_MS = 1_000;

/**
 * Opens something on one of an address's hosts, and remembers what it learned of them. A host that says nothing for a
 * while is joined by the next one, and all of them once more later. The first one that is opened counts; those that are
 * opened behind it are closed.
 */
export class Hosts {
  readonly #address: Address;
  readonly #settings: HostSettings;
  /** It begins anywhere, so that programs with one connection each do not all go to the first host. */
  #next: number;
  /** Left, since they took no writes: they are tried last. */
  readonly #left = new Set<string>();
  /** A pooler stands between, which refuses parameters that it does not follow. */
  #pinFew = false;
  /** Nothing is prepared: see `prepareNothing`. */
  #prepare: boolean | undefined;

  constructor(address: Address, settings: HostSettings) {
    this.#address = address;
    this.#settings = settings;
    this.#next = Math.floor(Math.random() * address.hosts.length);
    this.#prepare = settings.prepare;
  }

  /** From now on what is opened keeps no prepared statement. */
  prepareNothing(): void {
    this.#prepare = false;
  }

  /** The host turned out not to do: it is tried after the others, and is asked then. */
  leave(host: Host): void {
    this.#left.add(key(host));
  }

  /** Throws ConnectError. */
  open<T extends Asked & { destroy(): void }>(
    open: (options: DriverOptions) => Promise<T>,
    close: (surplus: T) => void,
  ): Promise<T> {
    const { connectTimeoutMs, againMs } = this.#settings;
    const order = this.#order();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let opened = false;
    let trying = 0;
    let failure: unknown;
    const tryHost = async (at: Host, withinMs: number, failed?: () => boolean) => {
      trying++;
      try {
        const value = await this.#openHost(at, withinMs, open);
        if (opened) close(value);
        opened = true;
        resolve(value);
      } catch (error) {
        const { reason } = error as Partial<ConnectError>;
        if (failed || !failure) failure = error;
        // The same password again may lock a user out. A standby that lags behind may not have a database yet.
        if (reason === 'authentication') reject(error);
        else if (!failed?.() && trying === 1) reject(failure);
      } finally {
        trying--;
      }
    };
    let joining: NodeJS.Timeout | undefined;
    /** False when there is no other host. */
    const tryNext = (): boolean => {
      clearTimeout(joining);
      const at = order.shift();
      if (!at || opened) return false;
      joining = setTimeout(tryNext, NEXT_HOST_MS);
      void tryHost(at, connectTimeoutMs, tryNext);
      return true;
    };
    tryNext();
    const again = setTimeout(() => {
      for (const at of this.#address.hosts) void tryHost(at, connectTimeoutMs - againMs);
    }, againMs);
    return promise.finally(() => {
      clearTimeout(joining);
      clearTimeout(again);
    });
  }

  /** Beginning with the one after where the last call began; those that were left come last. */
  #order(): Host[] {
    const { hosts, inOrder } = this.#address;
    const first = inOrder ? 0 : this.#next++;
    const turn = hosts.map((_, i) => hosts[(first + i) % hosts.length]!);
    return [
      ...turn.filter((host) => !this.#left.has(key(host))),
      ...turn.filter((host) => this.#left.has(key(host))),
    ];
  }

  async #openHost<T extends Asked & { destroy(): void }>(
    at: Host,
    connectTimeoutMs: number,
    open: (options: DriverOptions) => Promise<T>,
  ): Promise<T> {
    const { user, password, database, serverOptions, requireChannelBinding, transports } = this.#address;
    const { applicationName } = this.#settings;
    const endAt = performance.now() + connectTimeoutMs;
    // Nobody listens on a socket of this machine but who may.
    const ways = at.host.startsWith('/') ? [undefined] : [...transports()];
    for (;;) {
      const options: DriverOptions = {
        ...at,
        ...{ user, password, database, serverOptions, requireChannelBinding, applicationName },
        tls: ways[0],
        prepare: this.#prepare,
        pinFew: this.#pinFew,
        connectTimeoutMs: Math.max(1, Math.round(endAt - performance.now())),
      };
      try {
        const opened = await open(options);
        await this.#check(opened, options);
        return opened;
      } catch (error) {
        const reason = error instanceof ConnectError ? error.reason : undefined;
        if (reason === 'settings' && !this.#pinFew) this.#pinFew = true;
        else if (ways.length > 1 && (reason === 'tls' || reason === 'authentication')) ways.shift();
        else throw error;
      }
    }
  }

  /** Closes what was opened on a host that will not do. */
  async #check(opened: Asked & { destroy(): void }, options: DriverOptions): Promise<void> {
    try {
      // What one that was left reports of itself may be old.
      const ask = this.#left.has(key(options));
      const { targetSession } = this.#address;
      const why = await connectWithin(options.connectTimeoutMs, unsuitable(opened, targetSession, { ask }));
      if (why !== undefined) {
        this.leave(options);
        const advice = 'target_session_attrs=any in the URL takes it all the same';
        throw new ConnectError('wrong-role', `${nameOf(options)} ${why}; ${advice}`);
      }
      this.#left.delete(key(options));
    } catch (error) {
      opened.destroy();
      throw connectFailure(error, options);
    }
  }
}

const key = ({ host, port }: Host) => `${host} ${port}`;
