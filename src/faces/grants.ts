import { z } from 'zod';
import { checkOptions } from '../base/index.ts';
import type { Face } from './face.ts';
import { type Privileges, type Rights, SQL_ROLES, type SqlRole } from './rights.ts';

/** What each role needs for sessions and work, whatever faces a program uses. */
const WORK: Rights = {
  worker: {
    SELECT: [
      'holdfast.migration',
      'holdfast.kind',
      'holdfast.active_work',
      'holdfast.live_session',
      'holdfast.unavailable_work',
    ],
    'SELECT, INSERT': ['holdfast.ended_work'],
    'SELECT, INSERT, UPDATE': ['holdfast.work', 'holdfast.topic'],
    'SELECT, INSERT, DELETE': ['holdfast.commit_marker'],
    'SELECT, INSERT, UPDATE, DELETE': ['holdfast.session', 'holdfast.session_deadline'],
  },
  janitor: {
    // `unavailable_work`: to count what a claim would take.
    SELECT: ['holdfast.migration', 'holdfast.kind', 'holdfast.live_session', 'holdfast.unavailable_work'],
    'SELECT, UPDATE': ['holdfast.work'],
    'SELECT, INSERT, DELETE': ['holdfast.ended_work'],
    'SELECT, DELETE': ['holdfast.session', 'holdfast.session_deadline', 'holdfast.commit_marker'],
  },
  operator: {
    SELECT: [
      'holdfast.migration',
      'holdfast.session_deadline',
      'holdfast.active_work',
      'holdfast.quarantined_work',
    ],
    'SELECT, INSERT': ['holdfast.intervention', 'holdfast.ended_work'],
    'SELECT, INSERT, UPDATE': ['holdfast.kind', 'holdfast.work', 'holdfast.topic'],
  },
  client: {
    SELECT: ['holdfast.migration'],
    'SELECT, INSERT, DELETE': ['holdfast.commit_marker'],
  },
  server: { SELECT: ['holdfast.migration'] },
  reader: { SELECT: ['holdfast.migration_lock', 'holdfast.work_history'] },
};

const users = z.array(z.string().min(1)).readonly().optional();

/** Options of `grantStatements`. */
export const grantsSchema = z.strictObject({
  /** Users of the database, or groups of them, that have programs with sessions and control loops. Default: none. */
  worker: users,
  /** Those that call `runJanitor`. Default: none. */
  janitor: users,
  /** Those of people who may act, be it by `holdfast` or in the console. Default: none. */
  operator: users,
  /** Those of programs that ask for work and have no session. Default: none. */
  client: users,
  /** Those of `holdfast repo serve`. Default: none. */
  server: users,
  /** Those that only look. Default: none. */
  reader: users,
  /** The faces whose tables are used, besides Holdfast's own sessions and work. Default: none. */
  faces: z.array(z.custom<Face>((value) => typeof value === 'object' && value !== null)).optional(),
});

export interface GrantsOptions extends z.input<typeof grantsSchema> {}

/**
 * The statements that give users of the database what their roles need, and no more: for the owner of the tables, behind
 * `migrate`, as often as one likes. Each is the same on PostgreSQL and CockroachDB. The users have to be there. Throws MisuseError.
 */
export function grantStatements(options: GrantsOptions): readonly string[] {
  const { faces = [], ...users } = checkOptions(grantsSchema, options);
  const rights = rightsOf(faces);
  return SQL_ROLES.flatMap((role) => {
    const to = (users[role] ?? []).map(quoted).join(', ');
    if (to === '') return [];
    const granted = [...rights.get(role)!];
    const schemas = new Set(granted.flatMap(([, tables]) => tables.map((table) => table.split('.')[0]!)));
    return [
      `GRANT USAGE ON SCHEMA ${[...schemas].join(', ')} TO ${to}`,
      ...granted.map(([privileges, tables]) => `GRANT ${privileges} ON ${tables.join(', ')} TO ${to}`),
    ];
  });
}

/** What each role may do, with work and with these faces. */
export function rightsOf(
  faces: readonly Face[],
): ReadonlyMap<SqlRole, ReadonlyMap<Privileges, readonly string[]>> {
  const all = [WORK, ...faces.flatMap(({ rights }) => rights ?? [])];
  const named = all.flatMap((one) => Object.values(one).flatMap((tables) => Object.values(tables).flat()));
  const readers: Rights = { reader: { SELECT: [...new Set(named)].sort() } };
  return new Map(
    SQL_ROLES.map((role) => {
      const merged = new Map<Privileges, string[]>();
      for (const one of role === 'reader' ? [readers] : all)
        for (const [privileges, tables] of Object.entries(one[role] ?? {}) as [Privileges, string[]][])
          merged.set(privileges, [...new Set([...(merged.get(privileges) ?? []), ...tables])]);
      return [role, merged];
    }),
  );
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
