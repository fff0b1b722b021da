import type { Engine } from '../../../src/compiler/engine/engine.ts';

/** An engine that says what it was asked for. */
export interface CountingEngine {
  readonly engine: Engine;
  /** How often a database was asked for: an embedded engine is started by the first. */
  readonly databases: number;
  /** Statements described, in order. */
  readonly described: readonly string[];
}

export function countingEngine(inner: Engine, changes: Partial<Engine> = {}): CountingEngine {
  const described: string[] = [];
  const counts = { databases: 0 };
  const { version, cockroach, serverVersion, fingerprint } = inner;
  const engine: Engine = {
    version,
    cockroach,
    serverVersion,
    fingerprint,
    database: async (schema) => {
      counts.databases++;
      const database = await inner.database(schema);
      return {
        ...database,
        describe: (texts) => {
          described.push(...texts);
          return database.describe(texts);
        },
      };
    },
    close: () => inner.close(),
    ...changes,
  };
  return {
    engine,
    described,
    get databases() {
      return counts.databases;
    },
  };
}
