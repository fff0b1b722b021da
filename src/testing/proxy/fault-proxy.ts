import { createServer, type Server } from 'node:net';
import type { TrafficCounts } from '../wire/conversation.ts';
import type { WireMessage } from '../wire/message.ts';
import { Fault, type FaultOptions } from './faults.ts';
import { Link } from './link.ts';
import { endpointsOf, throughPort } from './proxied-url.ts';

export interface FaultProxyOptions {
  /** Connection URL of the server behind the proxy; of several hosts each connection goes to the next one. */
  readonly url: string;
  /** Every message, both ways, arrives so much later. Default 0. */
  readonly latencyMs?: number | undefined;
}

interface Watcher {
  readonly matches: (message: WireMessage) => boolean;
  readonly resolve: (message: WireMessage) => void;
}

/** What went through, since the start or within `measure`. */
export type Traffic = Readonly<TrafficCounts> & {
  readonly connections: number;
  readonly cancelRequests: number;
};

/**
 * A TCP proxy in this process, between a driver and PostgreSQL or CockroachDB, that knows where the protocol's
 * messages begin and end. It counts statements and round trips, and strikes where it is told: it cuts, stalls,
 * delays, drops the reply, refuses, or sends byte by byte, at a message by its number or by what it says.
 *
 * It answers requests for TLS with "no", so connect with `sslmode=disable`. Cancel requests go through.
 * Everything that happens can be awaited, so that tests need not sleep.
 */
export class FaultProxy implements AsyncDisposable {
  /** The URL that was given, by way of this proxy. */
  readonly url: string;
  readonly port: number;
  /** May be changed at any time. */
  latencyMs: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #faults: Fault[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #listeners = new Set<(message: WireMessage) => void>();
  readonly #counts: TrafficCounts = { messages: 0, statements: 0, roundTrips: 0 };
  #connections = 0;
  #cancelRequests = 0;

  /** Use `startFaultProxy`. */
  constructor(server: Server, port: number, options: FaultProxyOptions) {
    this.#server = server;
    this.port = port;
    this.url = throughPort(options.url, port);
    this.latencyMs = options.latencyMs ?? 0;
    const endpoints = endpointsOf(options.url);
    const host = {
      target: (number: number) => endpoints[(number - 1) % endpoints.length]!,
      counts: this.#counts,
      latencyMs: () => this.latencyMs,
      pass: (message: WireMessage, ready: boolean, fresh: boolean) => this.#pass(message, ready, fresh),
      ended: (link: Link) => this.#links.delete(link),
    };
    server.on('connection', (client) => {
      this.#links.add(new Link(client, ++this.#connections, host));
    });
  }

  /** Connections open now. */
  get open(): number {
    return this.#links.size;
  }

  get traffic(): Traffic {
    return { ...this.#counts, connections: this.#connections, cancelRequests: this.#cancelRequests };
  }

  /** Runs `body` and tells what went through meanwhile. */
  async measure<T>(body: () => Promise<T>): Promise<Traffic & { readonly value: T }> {
    const before = this.traffic;
    const value = await body();
    const after = this.traffic;
    return {
      value,
      messages: after.messages - before.messages,
      statements: after.statements - before.statements,
      roundTrips: after.roundTrips - before.roundTrips,
      connections: after.connections - before.connections,
      cancelRequests: after.cancelRequests - before.cancelRequests,
    };
  }

  /** Puts a fault in; it strikes from now on. Of several that match a message the first strikes. */
  inject(options: FaultOptions): Fault {
    const fault = new Fault(options);
    this.#faults.push(fault);
    return fault;
  }

  /** Resolves with the next message that matches. */
  next(matches: (message: WireMessage) => boolean): Promise<WireMessage> {
    return new Promise((resolve) => {
      this.#watchers.add({ matches, resolve });
    });
  }

  /** Calls back with every message until the function that it gives is called. */
  watch(listener: (message: WireMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes every fault out and lets go what they hold. */
  calm(): void {
    for (const fault of this.#faults.splice(0)) fault.remove();
    this.latencyMs = 0;
  }

  /** Cuts every connection now. */
  cutAll(side: 'both' | 'client' | 'server' = 'both'): void {
    for (const link of [...this.#links]) link.cut(side);
  }

  /** Cuts everything and stops listening. */
  async close(): Promise<void> {
    this.calm();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cutAll();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #pass(message: WireMessage, ready: boolean, fresh: boolean): Fault | undefined {
    if (message.type === 'cancel-request') this.#cancelRequests++;
    for (const listener of this.#listeners) listener(message);
    for (const watcher of [...this.#watchers]) {
      if (!watcher.matches(message)) continue;
      this.#watchers.delete(watcher);
      watcher.resolve(message);
    }
    return this.#faults.find((fault) => fault.strikesAt(message, ready, fresh));
  }
}

/** Listens on a free loopback port. `await using` closes it. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const server = createServer({ pauseOnConnect: false });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return new FaultProxy(server, address.port, options);
}
