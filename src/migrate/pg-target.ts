import pg from 'pg';
import { ConnectError, ConnectionLostError, DatabaseError } from '../errors/index.ts';
import type { RawResult } from '../query/index.ts';
import type { MigrationConnection, MigrationTarget } from './connection.ts';

/** Connections by URL. */
export function urlTarget(url: string): MigrationTarget {
  return { open: () => open(url) };
}

async function open(url: string): Promise<MigrationConnection> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'holdfast migrate',
    connectionTimeoutMillis: 10_000,
    types: { getTypeParser: () => (value: unknown) => value },
  });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    throw new ConnectError('refused', `cannot connect: ${(cause as Error).message}`, { cause });
  }
  const execute = async (text: string, values: readonly (string | null)[]): Promise<RawResult> => {
    try {
      const result = await client.query({ text, values: [...values], rowMode: 'array' });
      return {
        rows: result.rows as unknown as (string | null)[][],
        columns: result.fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })),
        rowCount: result.rowCount ?? 0,
        command: result.command,
      };
    } catch (error) {
      throw translate(error);
    }
  };
  const version = await execute('SELECT version()', []);
  const engine = version.rows[0]?.[0]?.startsWith('CockroachDB') ? 'cockroachdb' : 'postgresql';
  return {
    engine,
    execute: ({ text, values }) => execute(text, values),
    close: () => client.end(),
  };
}

function translate(error: unknown): Error {
  if (error instanceof pg.DatabaseError && error.code !== undefined) {
    return new DatabaseError({ message: error.message, code: error.code, detail: error.detail });
  }
  return new ConnectionLostError('the connection ended during the migration', { cause: error });
}
