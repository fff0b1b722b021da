import { type Direction, errorField, textAt, untypedName, type WireMessage } from './message.ts';

/** What of the client's must be answered, by its type, and with which messages. */
const ANSWERS: Readonly<Record<string, string>> = {
  P: '1',
  B: '2',
  D: 'Tn',
  E: 'CIs',
  C: '3',
  S: 'Z',
  Q: 'Z',
};

/** Counted since the proxy started, over all connections. */
export interface TrafficCounts {
  /** Messages from clients, after their start-up. */
  messages: number;
  /** Executions: Query messages and Execute messages. */
  statements: number;
  /** Round trips: a client sent while everything it had sent before was answered. */
  roundTrips: number;
}

/**
 * Follows one connection's dialogue: which SQL a Bind or an Execute means, and where a round trip begins.
 */
export class Conversation {
  readonly #connection: number;
  readonly #counts: TrafficCounts;
  readonly #prepared = new Map<string, string>();
  readonly #portals = new Map<string, string | undefined>();
  /** Types of client messages that are not answered yet. */
  #unanswered: string[] = [];
  #ready = false;
  #cockroach = false;
  #index = { 'to-server': 0, 'to-client': 0 };

  constructor(connection: number, counts: TrafficCounts) {
    this.#connection = connection;
    this.#counts = counts;
  }

  /** The server said that it is CockroachDB. */
  get cockroach(): boolean {
    return this.#cockroach;
  }

  /** ReadyForQuery messages that the client waits for. */
  get repliesDue(): number {
    return this.#unanswered.filter((type) => ANSWERS[type] === 'Z').length;
  }

  /** Describes the next message of a direction. */
  read(direction: Direction, bytes: Buffer, typed: boolean): WireMessage {
    const type = typed ? String.fromCharCode(bytes[0]!) : untypedName(bytes);
    const place = { direction, type, bytes, connection: this.#connection, index: ++this.#index[direction] };
    return direction === 'to-server' ? this.#fromClient(place) : this.#fromServer(place);
  }

  #fromClient(place: WireMessage): WireMessage {
    const { type, bytes } = place;
    if (this.#ready) {
      this.#counts.messages++;
      if (type === 'Q' || type === 'E') this.#counts.statements++;
      if (type in ANSWERS) {
        if (this.#unanswered.length === 0) this.#counts.roundTrips++;
        this.#unanswered.push(type);
      }
    }
    if (type === 'Q') return { ...place, sql: textAt(bytes, 5).text };
    if (type === 'P') {
      const name = textAt(bytes, 5);
      const { text } = textAt(bytes, name.next);
      this.#prepared.set(name.text, text);
      return { ...place, sql: text };
    }
    if (type === 'B') {
      const portal = textAt(bytes, 5);
      const sql = this.#prepared.get(textAt(bytes, portal.next).text);
      this.#portals.set(portal.text, sql);
      return { ...place, sql };
    }
    return type === 'E' ? { ...place, sql: this.#portals.get(textAt(bytes, 5).text) } : place;
  }

  #fromServer(place: WireMessage): WireMessage {
    const { type, bytes } = place;
    if (type === 'E') {
      // The server skips what came before the next Sync; a Query still ends with ReadyForQuery.
      while (this.#unanswered.length > 0 && ANSWERS[this.#unanswered[0]!] !== 'Z') this.#unanswered.shift();
      return { ...place, sqlState: errorField(bytes, 'C') };
    }
    if (ANSWERS[this.#unanswered[0] ?? '']?.includes(type)) this.#unanswered.shift();
    if (type === 'S' && textAt(bytes, 5).text === 'crdb_version') this.#cockroach = true;
    if (type === 'Z') {
      this.#ready = true;
      return { ...place, status: String.fromCharCode(bytes[5]!) };
    }
    return type === 'C' ? { ...place, tag: textAt(bytes, 5).text } : place;
  }
}
