import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type DatabaseError, HoldfastError } from '../../base/index.ts';
import { Hosts, openPgClient, parseUrl, withDatabase } from '../../database/index.ts';
import type { SourceFile } from '../source/source-file.ts';
import { applyFile, mayStay } from './apply-schema.ts';
import type { Catalog } from './catalog.ts';
import { fingerprint } from './fingerprint.ts';
import { readMaterialized } from './materialized.ts';
import { readCatalog } from './read-catalog.ts';
import { describeAll, type WireDescription } from './wire.ts';

/** A server to compile against. Databases of its own making are dropped when it is closed. */
export interface Engine {
  /** `PostgreSQL 18.4`, `CockroachDB v22.1.0` */
  readonly version: string;
  readonly cockroach: boolean;
  readonly serverVersion: number;
  /** Of what else decides how it understands a statement: its settings and the extensions that it has. */
  readonly fingerprint: string;
  /** A database with the schema applied; the same files give the same database. Throws SourceError. */
  database(schema: readonly SourceFile[]): Promise<CompileDatabase>;
  close(): Promise<void>;
}

export interface CompileDatabase {
  readonly catalog: Catalog;
  readonly engine: Engine;
  /** With `trees`, PostgreSQL's rewritten query trees come along. */
  describe(texts: readonly string[]): Promise<(WireDescription | DatabaseError)[]>;
  /** Rows as text, for EXPLAIN. */
  query(text: string): Promise<(string | null)[][]>;
}

const CONNECT_WITHIN_MS = 10_000;

/** Hosts, TLS and failures are dealt with as everywhere. Throws MisuseError, ConnectError. */
async function connect(url: string, database?: string): Promise<pg.Client> {
  const address = parseUrl(database === undefined ? url : withDatabase(url, database));
  const connectTimeoutMs = address.connectTimeoutMs ?? CONNECT_WITHIN_MS;
  const hosts = new Hosts(address, {
    connectTimeoutMs,
    againMs: connectTimeoutMs / 2,
    applicationName: 'holdfast compile',
  });
  return (await hosts.open(openPgClient, (surplus) => void surplus.close())).client as pg.Client;
}

/** Session settings under which everything is described: the tree, and nothing that depends on the server's mood. */
async function prepareSession(client: pg.Client, cockroach: boolean): Promise<void> {
  if (cockroach) return;
  await client.query(
    'SET debug_pretty_print = off; SET debug_print_rewritten = on; SET client_min_messages = log',
  );
  // The trees are for us, not for the server's log; only a superuser may say so.
  await client.query('SET log_min_messages = panic').catch(() => {});
}

/** Puts `public` in place of the default, `"$user", public`; another path is one that somebody has chosen. */
async function usePublic(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ search_path: string }>('SHOW search_path');
  if (rows[0]?.search_path.includes('$user')) await client.query('SET search_path = public');
}

class ServerEngine implements Engine {
  readonly #url: string;
  readonly #admin: pg.Client;
  readonly #connections: number;
  readonly #stop: (() => Promise<void>) | undefined;
  readonly #databases = new Map<string, Promise<CompileDatabase>>();
  readonly #clients: pg.Client[] = [];
  readonly #created: string[] = [];
  readonly version: string;
  readonly cockroach: boolean;
  readonly serverVersion: number;
  readonly fingerprint: string;

  constructor(
    url: string,
    admin: pg.Client,
    version: string,
    serverVersion: number,
    fingerprint: string,
    connections: number,
    stop: (() => Promise<void>) | undefined,
  ) {
    this.#url = url;
    this.#admin = admin;
    this.#connections = connections;
    this.#stop = stop;
    this.version = version;
    this.serverVersion = serverVersion;
    this.fingerprint = fingerprint;
    this.cockroach = version.startsWith('CockroachDB');
  }

  database(schema: readonly SourceFile[]): Promise<CompileDatabase> {
    const key = JSON.stringify(schema);
    const known = this.#databases.get(key) ?? this.#open(schema);
    this.#databases.set(key, known);
    return known;
  }

  async #open(schema: readonly SourceFile[]): Promise<CompileDatabase> {
    let name: string | undefined;
    if (schema.length > 0) {
      name = `holdfast_compile_${randomBytes(6).toString('hex')}`;
      try {
        await this.#admin.query(
          this.cockroach || this.serverVersion < 150000
            ? `CREATE DATABASE ${name}`
            : `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' STRATEGY wal_log`,
        );
      } catch (cause) {
        throw new EngineError(
          `a database to compile in could not be created: ${(cause as Error).message} (the schema is applied to a database of its own; give a user with CREATEDB, or an empty "schema" to compile against the database as it is)`,
          { cause },
        );
      }
      this.#created.push(name);
    }
    if (schema.length > 0) await this.#apply(name, schema);
    const first = await this.#connect(name);
    const names = await readCatalog(first, this.cockroach, this.serverVersion);
    await prepareSession(first, this.cockroach);
    const catalog = { ...names, materialized: await readMaterialized(first, names) };
    const clients = [first];
    const describe = async (texts: readonly string[]) => {
      // A few connections, each with its share in one pipeline; small lots are not worth a second one.
      const share = Math.max(100, Math.ceil(texts.length / this.#connections));
      while (clients.length * share < texts.length) {
        const client = await this.#connect(name);
        await prepareSession(client, this.cockroach);
        clients.push(client);
      }
      const lots = clients.map((client, i) => describeAll(client, texts.slice(i * share, (i + 1) * share)));
      return (await Promise.all(lots)).flat();
    };
    const query = async (text: string) => {
      const types = { getTypeParser: () => String };
      try {
        return (await first.query<(string | null)[]>({ text, rowMode: 'array', types })).rows;
      } catch (error) {
        // The failure is told before the server is ready again. What is described next counts that from the first answer.
        await first.query('SELECT 1').catch(() => {});
        throw error;
      }
    };
    return { catalog, engine: this, describe, query };
  }

  /** What a file sets holds for nothing else, be it a file or a query: its connection is closed behind it. */
  async #apply(database: string | undefined, schema: readonly SourceFile[]): Promise<void> {
    let client: pg.Client | undefined;
    const close = async () => {
      if (client) this.#clients.splice(this.#clients.indexOf(client), 1);
      await client?.end();
      client = undefined;
    };
    try {
      for (const [i, file] of schema.entries()) {
        client ??= await this.#connect(database);
        if (i === 0) await client.query('CREATE SCHEMA IF NOT EXISTS holdfast');
        await applyFile(client, file);
        if (mayStay(file)) await close();
      }
    } finally {
      await close();
    }
  }

  async #connect(database: string | undefined): Promise<pg.Client> {
    const client = await connect(this.#url, database);
    // A user called like a schema would have unqualified names land there.
    if (database !== undefined) await usePublic(client);
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.end()));
    // A server that was started for this takes its databases with it.
    for (const name of this.#stop ? [] : this.#created)
      await this.#admin
        .query(`DROP DATABASE IF EXISTS ${name}${this.cockroach ? ' CASCADE' : ''}`)
        .catch(() => {});
    await this.#admin.end().catch(() => {});
    await this.#stop?.();
  }
}

/** The engine could not be reached or used. `message` says what to do. */
export class EngineError extends HoldfastError {
  readonly code = 'HOLDFAST_COMPILE_ENGINE';
}

export interface EngineOptions {
  readonly url: string;
  /** How many connections describe at once. */
  readonly connections?: number;
  /** Called at the end, for an engine that was started for this. */
  readonly stop?: () => Promise<void>;
}

/** Throws EngineError when the server cannot be reached. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  let admin: pg.Client;
  try {
    admin = await connect(options.url);
  } catch (cause) {
    await options.stop?.();
    throw new EngineError(
      `the database cannot be reached: ${(cause as Error).message || String((cause as { code?: string }).code)}`,
      { cause },
    );
  }
  const { rows } = await admin.query<{ version: string }>('SELECT version() AS version');
  const text = rows[0]?.version ?? '';
  const cockroach = /^CockroachDB\s+\S+\s+(\S+)/.exec(text);
  const postgres = /PostgreSQL\s+([\d.]+)/.exec(text);
  const number = Number((await admin.query('SHOW server_version_num')).rows[0]?.server_version_num ?? 0);
  const version = cockroach ? `CockroachDB ${cockroach[1]}` : `PostgreSQL ${postgres?.[1] ?? 'unknown'}`;
  return new ServerEngine(
    options.url,
    admin,
    version,
    number,
    await fingerprint(admin, cockroach !== null),
    options.connections ?? 2,
    options.stop,
  );
}
