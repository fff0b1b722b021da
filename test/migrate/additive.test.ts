import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { notAdditive } from './additive.ts';

const folder = fileURLToPath(new URL('../../schema/holdfast', import.meta.url));
const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
const numberOf = (name: string) => Number(name.slice(0, name.indexOf('_')));
/** Up to here databases in the field have them as they are. */
const LAST_OF_OLD = 5;

test('the migrations up to 0005 are what they were', async () => {
  const old = files.filter((name) => numberOf(name) <= LAST_OF_OLD);
  const digests: Record<string, string> = {};
  for (const name of old)
    digests[name] = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
  expect(digests).toEqual({
    '0001_sessions.down.sql': '7eb0f51703fe2144fb610bdec67c8ceda6b57c4346268427b5af1f094a0cf319',
    '0001_sessions.up.sql': 'eb9f1e461995ae8cb087dc6e035342b03b1b8525dc48d5aa90fc3fce34e10ae9',
    '0002_work.down.sql': 'c21c63807401b542901c1e5f8aeaf57eb7c6e6d283ff88b86349dd6aaaba25b5',
    '0002_work.up.sql': '5bd597fec8d9ceec860499ac5a3c942f75531da5d4a8b79cb1e71613531eccda',
    '0003_commit_markers.down.sql': 'de20431e497df677f7366dbb5f292a5045bfdadefd93f6c799a99e863f85d4df',
    '0003_commit_markers.up.sql': '332359dc3cd9d774c3702debc776095652a6ca386e34449949e2dc3c6d69081c',
    '0004_topics.down.sql': '64ab303c304cf9b5e5a9eeeeea39e4dbebd4d970fa7d3cc3544e86bf45d2987e',
    '0004_topics.up.sql': '2f25c0ab8c18c1b629a58dc918a42e9d68c38dcc4dbe7a55fc1eaefce90d4da9',
    '0005_operations.down.sql': 'ca30e004f4e17b4c770d2ef40025027162abe5adcde8196811fdfcdd9173d368',
    '0005_operations.up.sql': 'fa31b62319383242f685dfc8a7f07051cbf62b0fef6864887d36c2fd3b2d2873',
  });
});

test('every later migration only adds', async () => {
  const found: string[] = [];
  for (const name of files.filter((one) => one.endsWith('.up.sql') && numberOf(one) > LAST_OF_OLD))
    for (const why of notAdditive(await readFile(join(folder, name), 'utf8'))) found.push(`${name}, ${why}`);
  expect(found).toEqual([]);
});

test.each([
  'CREATE TABLE IF NOT EXISTS holdfast.a (b TEXT NOT NULL, PRIMARY KEY (b)) WITH (fillfactor = 50)',
  "CREATE INDEX IF NOT EXISTS i ON holdfast.work (kind) WHERE kind <> 'DROP TABLE x'",
  'CREATE TABLE IF NOT EXISTS holdfast.a (b TEXT); CREATE UNIQUE INDEX IF NOT EXISTS u ON holdfast.a (b);',
  'CREATE OR REPLACE VIEW holdfast.v AS SELECT 1 AS one',
  'ALTER TABLE holdfast.work ADD COLUMN IF NOT EXISTS a TEXT',
  'ALTER TABLE holdfast.work ADD COLUMN IF NOT EXISTS a INT8 NOT NULL DEFAULT 0 CHECK (a IN (0, 1))',
  '-- DROP TABLE holdfast.work\nALTER TABLE holdfast.work ADD COLUMN a TEXT, ADD COLUMN b BOOL DEFAULT NULL',
])('allowed: %s', (text) => {
  expect(notAdditive(text)).toEqual([]);
});

test.each([
  'DROP TABLE holdfast.work',
  'DROP INDEX holdfast.operation_ready',
  'DROP VIEW IF EXISTS holdfast.active_work',
  'CREATE VIEW holdfast.v AS SELECT 1 AS one',
  'TRUNCATE holdfast.work',
  'DELETE FROM holdfast.work',
  "UPDATE holdfast.work SET kind = 'x'",
  'ALTER TABLE holdfast.work RENAME TO job',
  'ALTER TABLE holdfast.work RENAME COLUMN kind TO process',
  'ALTER TABLE holdfast.work DROP COLUMN woken',
  'ALTER TABLE holdfast.work ALTER COLUMN token TYPE NUMERIC',
  'ALTER TABLE holdfast.work ALTER COLUMN cause SET NOT NULL',
  'ALTER TABLE holdfast.work ADD CONSTRAINT c CHECK (token > 5)',
  'ALTER TABLE holdfast.work ADD COLUMN a TEXT NOT NULL',
  'ALTER TABLE holdfast.work ADD COLUMN a TEXT NOT NULL DEFAULT NULL',
  'ALTER TABLE holdfast.work ADD COLUMN a TEXT UNIQUE',
  'ALTER TABLE holdfast.work ADD COLUMN a TEXT, DROP COLUMN woken',
  'CREATE UNIQUE INDEX IF NOT EXISTS u ON holdfast.work (kind)',
  'ALTER INDEX holdfast.operation_ready RENAME TO ready',
])('refused: %s', (text) => {
  expect(notAdditive(`CREATE TABLE IF NOT EXISTS holdfast.a (b TEXT);\n${text};`)).toEqual([
    expect.stringMatching(/^line 2: .*: a new release may CREATE TABLE/),
  ]);
});
