/**
 * What a user of the database is to a program:
 *
 * - `worker`: has sessions, claims and ends work.
 * - `janitor`: calls `runJanitor`.
 * - `operator`: pauses, releases, wakes, enables operations and runs them again, cancels.
 * - `client`: asks for work without a session: sends commands, starts and signals workflows.
 * - `server`: serves repositories, and stores files that are on demand.
 * - `reader`: reads everything.
 */
export type SqlRole = 'worker' | 'janitor' | 'operator' | 'client' | 'server' | 'reader';

export type Privileges =
  | 'SELECT'
  | 'SELECT, INSERT'
  | 'SELECT, INSERT, UPDATE'
  | 'SELECT, INSERT, UPDATE, DELETE'
  | 'SELECT, INSERT, DELETE'
  | 'SELECT, UPDATE'
  | 'SELECT, UPDATE, DELETE'
  | 'SELECT, DELETE';

/**
 * Tables and views, with their schema, by what each role may do with them. Readers read all that is named; what others do not
 * touch is named for them.
 */
export type Rights = Readonly<
  Partial<Record<SqlRole, Readonly<Partial<Record<Privileges, readonly string[]>>>>>
>;

export const SQL_ROLES: readonly SqlRole[] = ['worker', 'janitor', 'operator', 'client', 'server', 'reader'];
