import { connect, type Socket } from 'node:net';
import { Conversation, type TrafficCounts } from '../wire/conversation.ts';
import type { Direction, WireMessage } from '../wire/message.ts';
import { MessageSplitter } from '../wire/splitter.ts';
import type { Fault } from './faults.ts';
import { Lane } from './lane.ts';
import { errorResponse, refusal } from './refusal.ts';

/** What a link asks of the proxy it belongs to. */
export interface LinkHost {
  /** Where the connection of this number goes. */
  target(number: number): { readonly host: string; readonly port: number };
  readonly counts: TrafficCounts;
  latencyMs(): number;
  /** Tells watchers, and gives the fault that strikes this message, if any. */
  pass(message: WireMessage, ready: boolean, fresh: boolean): Fault | undefined;
  ended(link: Link): void;
}

/** One client's connection through the proxy. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #host: LinkHost;
  readonly #conversation: Conversation;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  readonly #splitters = {
    'to-server': new MessageSplitter('client'),
    'to-client': new MessageSplitter('server'),
  };
  #ready = false;
  /** What becomes of which reply, counted up to its ReadyForQuery. */
  readonly #edits = new Map<number, Edit>();
  #replies = 0;
  /** A fault closed one side only: the other is not told. */
  #halved = false;
  /** What is left of a refused statement's messages is not passed on. */
  #refusing = false;
  /** The next message of the client begins a statement. */
  #fresh = true;

  constructor(client: Socket, number: number, host: LinkHost) {
    this.#client = client;
    this.#host = host;
    this.#server = connect({ ...host.target(number), noDelay: true });
    this.#conversation = new Conversation(number, host.counts);
    this.#lanes = {
      'to-server': new Lane(this.#server, () => host.latencyMs()),
      'to-client': new Lane(this.#client, () => host.latencyMs()),
    };
    client.setNoDelay(true);
    this.#wire(client, 'to-server');
    this.#wire(this.#server, 'to-client');
  }

  /** Closes both sides, or one and leaves the other without a word. */
  cut(side: 'both' | 'client' | 'server' = 'both'): void {
    this.#halved = side !== 'both';
    if (side !== 'server') this.#client.destroy();
    if (side !== 'client') this.#server.destroy();
    if (side === 'both') this.#host.ended(this);
  }

  #wire(from: Socket, direction: Direction): void {
    from.on('error', () => {});
    from.on('data', (bytes: Buffer) => {
      for (const piece of this.#splitters[direction].push(bytes))
        this.#route(direction, piece.bytes, piece.typed);
    });
    // What is on its way still arrives, then the end is passed on; one that a fault made is not.
    from.on('end', () => this.#lanes[direction].end());
    from.on('close', () => {
      if (!this.#halved) this.#lanes[direction].end();
      if (this.#client.destroyed && this.#server.destroyed) this.#host.ended(this);
    });
  }

  #route(direction: Direction, bytes: Buffer, typed: boolean): void {
    if (this.#client.destroyed && this.#server.destroyed) return;
    const message = this.#conversation.read(direction, bytes, typed);
    if (message.type === 'ssl-request' || message.type === 'gss-request') {
      this.#client.write('N');
      return;
    }
    if (message.type === 'startup') this.#splitters['to-server'].started();
    const fault = this.#host.pass(message, this.#ready, this.#fresh);
    if (direction === 'to-client') {
      if (message.type === 'Z' && !this.#ready) {
        this.#ready = true;
        // Passwords are behind it: the next message begins the first exchange.
        this.#fresh = true;
      }
      const edit = this.#edits.get(this.#replies);
      if (edit && !passes(edit, message)) return;
      if (message.type === 'Z') {
        this.#edits.delete(this.#replies++);
        if (edit === 'cut') {
          this.cut();
          return;
        }
        if (Buffer.isBuffer(edit)) this.#lanes[direction].put(edit);
      }
    } else {
      this.#fresh = message.type === 'S' || message.type === 'Q';
      if (this.#refusing) {
        this.#refusing = !this.#fresh;
        return;
      }
    }
    if (fault) this.#strike(fault, message);
    else this.#lanes[direction].put(bytes);
  }

  #strike(fault: Fault, message: WireMessage): void {
    const { action } = fault.options;
    const { bytes, type } = message;
    const lane = this.#lanes[message.direction];
    if (action.kind === 'cut' && action.when === 'before') {
      this.cut(action.side);
    } else if (action.kind === 'cut') {
      // The system has the bytes before the socket is closed, so that the other side gets them.
      lane.put(bytes, { sent: () => setImmediate(() => this.cut(action.side)) });
    } else if (action.kind === 'stall') {
      lane.hold();
      fault.onRelease(() => lane.release());
      lane.put(bytes);
    } else if (action.kind === 'drop-reply') {
      this.#edit(type, 'cut');
      lane.put(bytes);
    } else if (action.kind === 'misreport') {
      this.#edit(type, errorResponse(action));
      lane.put(bytes);
    } else if (action.kind === 'refuse') {
      // The whole statement is replaced, from its first message to its Sync.
      this.#refusing = type !== 'Q';
      this.#edit(type, 'error alone');
      lane.put(refusal(message.sql, this.#conversation.cockroach, action));
    } else {
      lane.put(bytes, action.kind === 'delay' ? { delayMs: action.ms } : { trickle: true });
    }
  }

  /** Of the reply to the statement that this message of the client belongs to. */
  #edit(type: string, edit: Edit): void {
    const behind = this.#conversation.repliesDue - (type === 'Q' || type === 'S' ? 1 : 0);
    this.#edits.set(this.#replies + behind, edit);
  }
}

/** Swallowed, then both sides cut; swallowed, with an error in its place; without what is not an error. */
type Edit = 'cut' | Buffer | 'error alone';

function passes(edit: Edit, { type }: WireMessage): boolean {
  if (type === 'Z') return true;
  if (edit === 'cut') return false;
  // What was parsed and bound before the error stays so, and the client must know.
  if (Buffer.isBuffer(edit)) return '123'.includes(type);
  // The statement in its place may have a result of its own shape.
  return !'TDC'.includes(type);
}
