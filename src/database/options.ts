import { z } from 'zod';
import { invalidOption } from '../base/index.ts';

const MOST_CONNECTIONS = 10_000;

/** Options of `connect`. Everything is optional; durations are milliseconds. */
export const connectOptionsSchema = z.strictObject({
  /** `postgresql://...`. Default: `HOLDFAST_DATABASE_URL`, then `DATABASE_URL`, then the embedded server. */
  url: z.string().optional(),
  /** Which npm package talks to the server. `pg` or `postgres`; both behave the same. Default: `HOLDFAST_DRIVER`, then `pg`. */
  driver: z.enum(['pg', 'postgres']).optional(),
  /** The server shows it beside each connection; at most 63 characters. Default: the URL's `application_name`, then `holdfast`. */
  applicationName: z.string().max(63).optional(),
  pool: z
    .strictObject({
      /**
       * Most connections at once for transactions and statements, 1 to 10,000, and as many for claims and ends on PostgreSQL.
       * Up to four more serve heartbeats alone, one listens. All are opened when they are needed. Default:
       * `HOLDFAST_POOL_MAX`, then 10.
       */
      max: z.int().min(1).max(MOST_CONNECTIONS).optional(),
      /** Longest wait for a free connection, then PoolTimeoutError. Default 30,000. */
      acquireTimeoutMs: z.int().min(1).optional(),
      /** An unused connection is closed after this. Default 60,000. */
      idleTimeoutMs: z.int().min(1).optional(),
      /**
       * A connection is closed after this, up to a quarter earlier, when it is given back; also when it was given more
       * than 500 statements to prepare. Default 1,800,000.
       */
      maxLifetimeMs: z.int().min(1).optional(),
    })
    .optional(),
  /**
   * False keeps no prepared statement on the server, which then plans each statement anew. True says that the pooler
   * before the server follows prepared statements (PgBouncer from 1.21, with `max_prepared_statements` above 0) or keeps a
   * server connection for each client. Default: true where the server itself answers, false where a pooler does.
   */
  prepare: z.boolean().optional(),
  /** Longest wait for one host to answer a new connection. Default: the URL's `connect_timeout`, then 10,000. */
  connectTimeoutMs: z.int().min(1).optional(),
  /** `close` waits so long for what is under way, then cuts it. Default 30,000. */
  closeTimeoutMs: z.int().min(1).optional(),
  announcements: z
    .strictObject({
      /**
       * Whether a process that waits listens on a connection of its own (PostgreSQL): true, false, or the URL to listen at
       * where `url` goes through a pooler. Through a pooler, and on CockroachDB, it polls. Default true.
       */
      listen: z.union([z.boolean(), z.string()]).optional(),
      /** Where it does not listen: longest pause between two looks at what was announced, while something waits. Default 250. */
      pollIntervalMs: z.int().min(1).max(3_600_000).optional(),
    })
    .optional(),
  /** TLS as CockroachDB and libpq name it; parameters of the URL say the same. */
  tls: z
    .strictObject({
      /**
       * `disable`, `require`, `verify-ca` or `verify-full`, or `allow` and `prefer`, which may fall back to plain text.
       * Default: the URL's `sslmode`, then `disable`.
       */
      mode: z.enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']).optional(),
      /** PEM file of the authority, or `system` for those of the operating system. Default: the URL's `sslrootcert`. */
      caFile: z.string().optional(),
      /** PEM file of the client's certificate. Default: the URL's `sslcert`. */
      certFile: z.string().optional(),
      /** PEM file of its key. Default: the URL's `sslkey`. */
      keyFile: z.string().optional(),
    })
    .optional(),
  /** Folder of the embedded server; not together with `url`. Default: a throw-away one. */
  embeddedDir: z.string().min(1).optional(),
});

/** Options of `connect`, each with a default. Durations are milliseconds. */
export type ConnectOptions = z.input<typeof connectOptionsSchema>;

const connections = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MOST_CONNECTIONS)
    throw invalidOption(name, `"${text}" is not a whole number from 1 to ${MOST_CONNECTIONS}`);
  return value;
};

/** Fills in what the environment says where an option is silent. */
export function withEnvironment(
  options: ConnectOptions,
  env: NodeJS.ProcessEnv = process.env,
): ConnectOptions {
  const driver = options.driver ?? (env['HOLDFAST_DRIVER'] || undefined);
  if (driver !== undefined && driver !== 'pg' && driver !== 'postgres')
    throw invalidOption('HOLDFAST_DRIVER', `"${driver}" is not a driver: use pg or postgres`);
  const max = options.pool?.max ?? connections('HOLDFAST_POOL_MAX', env['HOLDFAST_POOL_MAX']);
  const url = options.url ?? (env['HOLDFAST_DATABASE_URL'] || env['DATABASE_URL'] || undefined);
  return {
    ...options,
    ...(url === undefined ? {} : { url }),
    ...(driver === undefined ? {} : { driver }),
    pool: { ...options.pool, ...(max === undefined ? {} : { max }) },
  };
}
