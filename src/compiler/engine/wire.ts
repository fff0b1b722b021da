import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { DatabaseError } from '../../base/index.ts';

/** A column as RowDescription gives it. */
export interface WireColumn {
  readonly name: string;
  readonly tableOid: number;
  readonly attribute: number;
  readonly typeOid: number;
  readonly typmod: number;
}

/** What Parse and Describe said of one statement. */
export interface WireDescription {
  readonly params: readonly number[];
  readonly columns: readonly WireColumn[];
  /** The rewritten query tree as PostgreSQL prints it, when asked for. */
  readonly tree: string | undefined;
}

interface ServerMessage {
  readonly message?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: string;
  readonly severity?: string;
  readonly dataTypeIDs?: readonly number[];
  readonly fields?: readonly {
    readonly name: string;
    readonly tableID: number;
    readonly columnID: number;
    readonly dataTypeID: number;
    readonly dataTypeModifier: number;
  }[];
}

/** The part of pg's connection that is used: protocol messages out, protocol events in. */
interface Connection extends EventEmitter {
  readonly stream: { cork?: () => void; uncork?: () => void };
  parse(query: { name: string; text: string; types: readonly number[] }): void;
  describe(message: { type: 'S'; name: string }): void;
  sync(): void;
}

const events = [
  'parseComplete',
  'parameterDescription',
  'rowDescription',
  'noData',
  'errorMessage',
  'readyForQuery',
  'notice',
] as const;

function databaseError(message: ServerMessage): DatabaseError {
  return new DatabaseError({
    code: message.code ?? 'XX000',
    message: message.message ?? 'the server gave no message',
    severity: message.severity,
    detail: message.detail,
    hint: message.hint,
    position: message.position === undefined ? undefined : Number(message.position),
  });
}

/**
 * Parses and describes statements on a connected, idle client: Parse, Describe, Sync for each, all of them
 * sent at once, one round trip for the lot. For the time being the client's own listeners are set
 * aside, since it knows nothing of pipelines. Answers are in the order of the texts.
 */
export function describeAll(
  client: pg.Client,
  texts: readonly string[],
): Promise<(WireDescription | DatabaseError)[]> {
  if (texts.length === 0) return Promise.resolve([]);
  const connection = (client as unknown as { connection: Connection }).connection;
  const saved = events.map((event) => [event, connection.listeners(event)] as const);
  for (const event of events) connection.removeAllListeners(event);
  const results: (WireDescription | DatabaseError)[] = [];
  let params: readonly number[] = [];
  let columns: readonly WireColumn[] = [];
  let tree: string | undefined;
  let error: DatabaseError | undefined;

  return new Promise<(WireDescription | DatabaseError)[]>((resolve, reject) => {
    const lost = () => reject(new Error('the server closed the connection while it described the queries'));
    const finish = () => {
      connection.off('end', lost);
      for (const event of events) connection.removeAllListeners(event);
      for (const [event, listeners] of saved)
        for (const listener of listeners) connection.on(event, listener as (...args: unknown[]) => void);
      resolve(results);
    };
    connection.once('end', lost);
    connection.on('notice', (message: ServerMessage) => {
      if (message.message?.startsWith('rewritten parse tree')) tree = message.detail;
    });
    connection.on('parameterDescription', (message: ServerMessage) => {
      params = message.dataTypeIDs ?? [];
    });
    connection.on('rowDescription', (message: ServerMessage) => {
      columns = (message.fields ?? []).map((field) => ({
        name: field.name,
        tableOid: field.tableID,
        attribute: field.columnID,
        typeOid: field.dataTypeID,
        typmod: field.dataTypeModifier,
      }));
    });
    connection.on('errorMessage', (message: ServerMessage) => {
      error = databaseError(message);
    });
    connection.on('readyForQuery', () => {
      results.push(error ?? { params, columns, tree });
      params = [];
      columns = [];
      tree = undefined;
      error = undefined;
      if (results.length === texts.length) finish();
    });
    connection.stream.cork?.();
    for (const text of texts) {
      connection.parse({ name: '', text, types: [] });
      connection.describe({ type: 'S', name: '' });
      connection.sync();
    }
    connection.stream.uncork?.();
  });
}
