import { engineOf, openOne } from '../database/index.ts';
import type { MigrationConnection, MigrationTarget } from './connection.ts';

/** Connections by URL, one at a time. */
export function urlTarget(url: string): MigrationTarget {
  return { open: () => open(url) };
}

async function open(url: string): Promise<MigrationConnection> {
  const connection = await openOne(url, 'holdfast migrate');
  try {
    const { rows } = await connection.sendSimple('SELECT version()');
    return {
      engine: engineOf(rows[0]?.[0] ?? '').system,
      execute: (statement) => connection.send(statement, { prepare: false }),
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
