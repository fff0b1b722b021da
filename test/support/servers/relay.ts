import { connect, createServer, type Server, type Socket } from 'node:net';

/** A relay's target: what listens on a port of this host. Undefined: nothing listens. */
type Target = () => number | undefined;

/** What one side says to the other. */
interface Way {
  readonly from: Socket;
  readonly to: Socket;
  /** Said while the relay was silent. */
  readonly held: Buffer[];
  /** It says nothing more; the other side is told when the relay is not silent. */
  end: 'ended' | 'broken' | undefined;
}

/**
 * A TCP relay on a loopback port that knows nothing of what goes through. While it is silent nothing does, either way: what is
 * open stays open, and what is new is accepted and hears nothing, as across a network that drops every packet. Who leaves then is
 * gone at once, and the other side does not know.
 */
export class Relay implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #target: Target;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #ways = new Set<Way>();
  readonly #waiting = new Set<Socket>();
  /** Every socket that is not closed, whatever has become of its pair. */
  readonly #sockets = new Set<Socket>();
  #silent = false;

  private constructor(server: Server, target: Target) {
    this.#server = server;
    this.#target = target;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    this.port = address.port;
    server.on('connection', (client) => {
      this.#keep(client);
      client.on('error', () => {});
      if (this.#silent) this.#hold(client);
      else this.#join(client);
    });
  }

  static async start(target: Target): Promise<Relay> {
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve());
    });
    return new Relay(server, target);
  }

  /** The clients' ends of connections on which the target has said something: one to a process that has stopped is not open yet. */
  get open(): readonly Socket[] {
    return [...this.#pairs].flatMap(([client, server]) => (server.bytesRead > 0 ? [client] : []));
  }

  set silent(silent: boolean) {
    this.#silent = silent;
    if (silent) return;
    for (const way of this.#ways) {
      for (const bytes of way.held.splice(0)) this.#pass(way, bytes);
      if (way.end) this.#leave(way);
    }
    for (const client of this.#waiting) this.#join(client);
    this.#waiting.clear();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #hold(client: Socket): void {
    this.#waiting.add(client);
    client.once('close', () => this.#waiting.delete(client));
  }

  #join(client: Socket): void {
    const port = this.#target();
    if (client.destroyed) return;
    if (port === undefined) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#keep(server);
    server.on('error', () => client.destroy());
    server.once('connect', () => this.#wire(client, server));
  }

  #wire(client: Socket, server: Socket): void {
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [server, client] as const]) {
      const way: Way = { from, to, held: [], end: undefined };
      this.#ways.add(way);
      from.on('data', (bytes: Buffer) => {
        if (this.#silent) way.held.push(bytes);
        else this.#pass(way, bytes);
      });
      const leaves = (end: 'ended' | 'broken') => {
        way.end = end;
        if (!this.#silent) this.#leave(way);
      };
      from.once('end', () => leaves('ended'));
      from.once('close', (isBroken) => {
        this.#pairs.delete(pair);
        leaves(isBroken ? 'broken' : 'ended');
      });
      from.resume();
    }
  }

  #pass({ from, to }: Way, bytes: Buffer): void {
    if (to.write(bytes)) return;
    from.pause();
    to.once('drain', () => from.resume());
  }

  #leave(way: Way): void {
    if (way.from.destroyed) this.#ways.delete(way);
    if (way.end === 'broken') way.to.destroy();
    else way.to.end();
    // It may have waited for this side to take more.
    way.to.resume();
  }

  /** Stops listening and closes what is open. A reset would wait until all is sent, and a process that has stopped takes nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
