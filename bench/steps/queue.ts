/** Commands as small as they can be: one UPDATE of a row of their target. */

import { defineCommands } from '../../src/commands/index.ts';
import { sql } from '../../src/index.ts';

export const TARGETS = 1_000;
export const TABLE = `CREATE TABLE machine (name TEXT PRIMARY KEY, state TEXT NOT NULL, n INT8 NOT NULL);
  INSERT INTO machine SELECT 't' || n, 'on', 0 FROM generate_series(1, ${TARGETS}) AS g (n)`;

export const ISOLATIONS = ['serializable', 'read committed'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** `keepsState`: as the declaration says it. */
export const queueOf = (isolation: Isolation, keepsState: boolean) =>
  defineCommands({
    name: 'bench',
    isolation,
    states: ['on', 'off'],
    state: async (on, target) => {
      const { rows } = await on.execute(sql`SELECT state FROM machine WHERE name = ${target}`);
      return rows[0]?.[0] as 'on' | 'off' | undefined;
    },
    commands: { add: { apply: ['on'], keepsState } },
  });

export const handlers: Parameters<ReturnType<typeof queueOf>['loop']>[0] = {
  add: async (tx, { target }) => {
    await tx.execute(sql`UPDATE machine SET n = n + 1 WHERE name = ${target}`);
  },
};
