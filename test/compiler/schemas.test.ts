import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { readTargets } from '../../src/compiler/index.ts';
import { testEngine } from '../support/database.ts';
import { createProject } from './support/project.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ url: inject('holdfast').url });
});
afterAll(() => engine.close());

const author = 'CREATE TABLE author (id INT8 NOT NULL PRIMARY KEY, name TEXT NOT NULL);';
const born = 'ALTER TABLE author ADD COLUMN born INT4;';
const drop = 'DROP TABLE author;';
const queries = '-- name: Authors :many\nSELECT id, name, born FROM author ORDER BY id;\n';
/** CockroachDB has functions from v22.2 on. */
const withSemicolons =
  testEngine() === 'cockroachdb'
    ? "COMMENT ON TABLE author IS 'one; two';"
    : 'CREATE FUNCTION f() RETURNS INT8 LANGUAGE sql AS $$ SELECT 1; $$;';

type Files = Readonly<Record<string, string>>;

/** Every one of them makes the table author, with its column born. */
const schemas: readonly (readonly [tool: string, entry: string | readonly string[], files: Files])[] = [
  [
    'goose',
    'migrations',
    {
      'migrations/00001_author.sql': `-- +goose Up\n${author}\n\n-- +goose Down\n${drop}\n`,
      'migrations/00002_born.sql': `-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\n${withSemicolons}\n-- +goose StatementEnd\n${born}\n-- +goose Down\n-- +goose StatementBegin\nDROP FUNCTION f();\n-- +goose StatementEnd\nALTER TABLE author DROP COLUMN born;\n`,
    },
  ],
  [
    'dbmate',
    'db/migrations',
    {
      'db/migrations/20260101000000_author.sql': `-- migrate:up\n${author}\n\n-- migrate:down\n${drop}\n`,
      'db/migrations/20260102000000_born.sql': `-- migrate:up transaction:false\n${born}\n\n-- migrate:down\nALTER TABLE author DROP COLUMN born;\n`,
    },
  ],
  [
    'sql-migrate',
    'migrations',
    {
      'migrations/1-author.sql': `-- +migrate Up\n${author}\n-- +migrate Down\n${drop}\n-- +migrate Up\n${born}\n`,
    },
  ],
  [
    'tern',
    'migrations',
    {
      'migrations/001_author.sql': `${author}\n\n---- create above / drop below ----\n\n${drop}\n`,
      'migrations/002_born.sql': `${born}\n---- create above / drop below ----\nALTER TABLE author DROP COLUMN born;\n`,
    },
  ],
  [
    'golang-migrate, whose numbers have no zeros before them',
    'migrations',
    {
      'migrations/2_author.up.sql': author,
      'migrations/2_author.down.sql': drop,
      'migrations/10_born.up.sql': born,
      'migrations/10_born.down.sql': 'ALTER TABLE author DROP COLUMN born;',
    },
  ],
  [
    'node-pg-migrate',
    'migrations',
    {
      'migrations/1700000000000_author.sql': `-- Up Migration\n${author}\n\n-- Down Migration\n${drop}\n`,
      'migrations/1700000000001_born.sql': `-- Up Migration\n${born}\n-- Down Migration\nSELECT nope;\n`,
    },
  ],
  [
    'Flyway',
    'sql',
    {
      'sql/R__names.sql': 'CREATE VIEW name AS SELECT name, born FROM author;',
      'sql/U1__author.sql': drop,
      'sql/V1__author.sql': author,
      'sql/V1.2__born.sql': born,
    },
  ],
  [
    'Prisma',
    'prisma/migrations',
    {
      'prisma/migrations/20260101000000_init/migration.sql': `-- CreateTable\n${author}\n`,
      'prisma/migrations/20260102000000_born/migration.sql': `-- AlterTable\n${born}\n`,
      'prisma/migrations/migration_lock.toml': 'provider = "postgresql"\n',
    },
  ],
  [
    'Diesel',
    'migrations',
    {
      'migrations/2026-01-01-000000_author/up.sql': author,
      'migrations/2026-01-01-000000_author/down.sql': drop,
      'migrations/2026-01-02-000000_born/up.sql': born,
      'migrations/2026-01-02-000000_born/down.sql': 'ALTER TABLE author DROP COLUMN born;',
    },
  ],
  [
    'drizzle-kit',
    'drizzle',
    {
      'drizzle/0000_init.sql': `${author}--> statement-breakpoint\n${born}`,
      'drizzle/meta/_journal.json': '{}',
    },
  ],
  [
    'holdfast migrate',
    'schema',
    {
      'schema/0001_author.up.sql': author,
      'schema/0001_author.down.sql': drop,
      'schema/0002_born.up.sql': `-- holdfast: no-transaction\n${born}`,
    },
  ],
  ['a pattern', 'db/*_up/*.sql', { 'db/1_up/a.sql': author, 'db/2_up/b.sql': born, 'db/3_down/c.sql': drop }],
  [
    'files that begin with a byte order mark and have line ends of Windows',
    ['a.sql', 'b.sql'],
    {
      'a.sql': `\ufeff-- migrate:up\r\n${author}\r\n-- migrate:down\r\n${drop}\r\n`,
      'b.sql': `\ufeff${born}\r\n`,
    },
  ],
];

describe('schemas compile as other tools leave them', () => {
  test.each(schemas)('%s', async (_tool, schema, files) => {
    await using project = await createProject({ queries: 'queries.sql', schema, out: 'out' }, files);
    await project.put('queries.sql', queries);
    expect(await project.compile(engine)).toEqual([]);
  });

  const dump = `--
-- PostgreSQL database dump
--

\\restrict Xb'4s
-- Dumped from database version 18.1

SET statement_timeout = 0;
SET a_setting_of_another_release = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET row_security = off;

CREATE DATABASE a_database_of_another_server WITH TEMPLATE = template0;
ALTER DATABASE a_database_of_another_server OWNER TO somebody_of_another_server;
\\connect a_database_of_another_server

CREATE SCHEMA app;
ALTER SCHEMA app OWNER TO somebody_of_another_server;
COMMENT ON SCHEMA public IS 'standard''s; public schema';
SET default_tablespace = '';

CREATE SCHEMA holdfast;
CREATE TABLE public.author (
    id bigint NOT NULL,
    name text NOT NULL,
    born integer
);
ALTER TABLE public.author OWNER TO somebody_of_another_server;
CREATE TABLE app.note (id bigint NOT NULL);
CREATE FUNCTION app.one() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT 2; SELECT 1; END;
CREATE RULE two AS ON INSERT TO app.note DO ALSO (SELECT 1; SELECT 2);

--
-- Data for Name: author; Type: TABLE DATA
--

COPY public.author (id, name, born) FROM stdin;
1\tO'Brien; "Flann\t1911
2\t$$ -- /*\t\\N
\\.

COPY app.note (id) FROM stdin WITH (FORMAT text);
\\.

SELECT pg_catalog.setval('public.author_id_seq', 3, true);
ALTER TABLE ONLY public.author ADD CONSTRAINT author_pkey PRIMARY KEY (id);
ALTER DEFAULT PRIVILEGES FOR ROLE somebody_of_another_server GRANT ALL ON TABLES TO somebody_of_another_server;
GRANT SELECT ON TABLE public.author TO somebody_of_another_server;
CREATE POLICY mine ON public.author TO somebody_of_another_server USING (true);

\\unrestrict Xb'4s
`;

  test.runIf(testEngine() === 'postgresql')('pg_dump', async () => {
    const sequence = dump.replace('CREATE TABLE app.note', 'CREATE SEQUENCE public.author_id_seq;\n$&');
    const target = { queries: 'queries.sql', schema: ['dump.sql', 'more.sql'], out: 'out' };
    await using project = await createProject(target, { 'dump.sql': sequence, 'queries.sql': queries });
    // What the dump sets ends with it.
    await project.put('more.sql', 'CREATE TABLE more AS SELECT born FROM author;');
    expect(await project.compile(engine)).toEqual([]);
  });
});

describe('what is set while the schema is applied holds for all queries or for none', () => {
  const many = (table: string) =>
    Array.from({ length: 150 }, (_, i) => `-- name: Q${i} :many\nSELECT body FROM ${table};\n`).join('\n');
  const app = 'CREATE SCHEMA app;\nCREATE TABLE app.note (body TEXT NOT NULL);\n';
  const target = { queries: 'queries.sql', schema: 'schema.sql', out: 'out' };

  test('a session setting of a file holds for none', async () => {
    const schema = 'CREATE SCHEMA app;\nSET search_path TO app;\nCREATE TABLE note (body TEXT NOT NULL);\n';
    await using project = await createProject(target, { 'schema.sql': schema, 'queries.sql': many('note') });
    const said = await project.compile(engine);
    expect(said.map((text) => /42P01: .*/.exec(text)?.[0])).toEqual(
      Array.from({ length: 150 }, () => '42P01: relation "note" does not exist'),
    );
    await project.put('queries.sql', many('app.note'));
    expect(await project.compile(engine)).toEqual([]);
  });

  test.runIf(testEngine() === 'postgresql')('a setting of the database holds for all', async () => {
    const alter = `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database()); END $$;\n`;
    await using project = await createProject(target, {
      'schema.sql': app + alter,
      'queries.sql': many('note'),
    });
    expect(await project.compile(engine)).toEqual([]);
  });
});

test('"holdfast" names the migrations that come with the library', async () => {
  const target = { queries: 'queries.sql', schema: ['holdfast', 'schema'], out: 'out' };
  const query = `-- name: Free :many
SELECT a.name FROM author AS a
WHERE NOT EXISTS (SELECT 1 FROM holdfast.unavailable_work AS u WHERE u.target = a.name AND u.kind = 'read')
ORDER BY a.name;
`;
  await using project = await createProject(target, {
    'queries.sql': query,
    'schema/0001_author.up.sql': author,
  });
  expect(await project.compile(engine)).toEqual([]);
});

test('a file is schema and queries in one: what has a name is a query', async () => {
  const files = {
    'db/author.sql': `-- name: author\n${author.replace('(', '(\n-- name: id :one\n')}\n\n-- name: Names :many\nSELECT name, born FROM author WHERE id = $1;\n\n${born}\n`,
    'db/more/author.sql': '/* name: Ids :many */\nSELECT id FROM author;\n',
  };
  await using project = await createProject({ queries: 'db', schema: 'db', out: 'out' }, files);
  expect(await project.compile(engine)).toEqual([]);
  // Two files of one name: the second is called after its folder too.
  expect(Object.keys(await project.module<object>('out/author.ts'))).toContain('names');
  expect(Object.keys(await project.module<object>('out/more_author.ts'))).toContain('ids');
});

describe('what cannot be meant is refused in one line', () => {
  const latin1 = Uint8Array.from(Buffer.from('-- one\n-- two\nSELECT caf\xe9;\n', 'latin1'));
  const target = { queries: 'queries', schema: 'schema', out: 'out' };
  const good = { 'queries/a.sql': queries, 'schema/a.sql': `${author}\n${born}` };
  const cases: readonly (readonly [why: string, target: object, files: object, message: string])[] = [
    [
      'a schema folder without SQL',
      target,
      { 'queries/a.sql': queries, 'schema/readme.md': '' },
      '"schema": schema has no .sql file in it that is a migration up',
    ],
    [
      'a schema folder of nothing but ways back',
      target,
      { 'queries/a.sql': queries, 'schema/0001_a.down.sql': drop },
      '"schema": schema has no .sql file in it that is a migration up',
    ],
    [
      'a pattern that nothing fits',
      { ...target, schema: 'schema/*.up.sql' },
      good,
      '"schema": schema/*.up.sql has no .sql file in it that is a migration up',
    ],
    [
      'a folder of queries without SQL',
      { ...target, queries: 'empty' },
      { ...good, 'empty/readme.md': '' },
      '"queries": empty has no .sql file in it',
    ],
    [
      'queries that are not UTF-8',
      target,
      { ...good, 'queries/b.sql': latin1 },
      'queries/b.sql:3: not UTF-8: save the file in that encoding',
    ],
    [
      'a schema that is not UTF-8',
      target,
      { ...good, 'schema/b.sql': latin1 },
      'schema/b.sql:3: not UTF-8: save the file in that encoding',
    ],
    [
      'a schema of UTF-16',
      target,
      { ...good, 'schema/b.sql': Uint8Array.from(Buffer.from('\ufeffSELECT 1;', 'utf16le')) },
      'schema/b.sql:1: not UTF-8: save the file in that encoding',
    ],
    [
      'a schema file that has psql read another one',
      target,
      { ...good, 'schema/b.sql': `${author}\n\\i types.sql\n` },
      'schema/b.sql:2: psql alone reads another file here: name that in "schema", before or behind this one',
    ],
    [
      'two targets with one output',
      [target, { ...target, out: './out/' }],
      good,
      'holdfast.config.json: compile.1.out: compile.0 writes to ./out/ too, and each run of one would delete what the other wrote: give each a folder of its own',
    ],
    [
      'a name of a field that is none',
      { ...target, rename: { born: 'year of birth' } },
      good,
      'holdfast.config.json: compile.0.rename.born: no name of a field',
    ],
  ];
  test.each(cases)('%s', async (_why, config, files, message) => {
    await using project = await createProject(config, files as Files);
    await expect(project.config().then(readTargets)).rejects.toThrow(
      expect.objectContaining({ code: 'HOLDFAST_INVALID_OPTION', message }),
    );
  });

  test('a schema file that leaves a transaction open', async () => {
    const files = { ...good, 'schema/a.sql': `BEGIN;\n${author}\n${born}\n` };
    await using project = await createProject(target, files);
    expect((await project.compile(engine)).join('\n')).toMatch(
      /^schema\/a\.sql:3:1: error HF021: this file begins a transaction and does not end it, so nothing of it would stay\n/,
    );
  });

  test.runIf(testEngine() === 'postgresql')('a schema with an extension that the engine lacks', async () => {
    await using project = await createProject(target, { ...good, 'schema/b.sql': 'CREATE EXTENSION nope;' });
    expect((await project.compile(engine)).join('\n')).toMatch(
      /^schema\/b\.sql:1:1: error .* hint: .*--url/s,
    );
  });

  test('a schema file with a string that never ends', async () => {
    await using project = await createProject(target, { ...good, 'schema/b.sql': "\nSELECT 'a;\n" });
    expect((await project.compile(engine)).join('\n')).toMatch(
      /^schema\/b\.sql:2:8: error HF002: this string is never closed/,
    );
  });

  test('an override that means nothing is told again, also when every query is known', async () => {
    await using project = await createProject({ ...target, rename: { nope: 'no' } }, good);
    for (let i = 0; i < 2; i++)
      expect((await project.compile(engine)).map((text) => text.split('\n')[0])).toEqual([
        'holdfast.config.json:9:5: error HF041: rename.nope: no column or parameter of a query is called so',
      ]);
  });
});
