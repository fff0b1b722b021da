import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from 'sarif';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { sarifLog } from '../../src/compiler/index.ts';
import { testEngine } from '../support/database.ts';
import { runCliInside } from '../support/run-cli-inside.ts';

const schema = `CREATE TABLE note (note_id INT8 NOT NULL PRIMARY KEY, body TEXT NOT NULL, author TEXT);\n`;
const queries = `-- name: GetNote :one
SELECT body, author FROM note WHERE note_id = @note_id;
`;
const { url } = inject('holdfast');

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-compile-'));
  await mkdir(path.join(folder, 'schema'));
  await mkdir(path.join(folder, 'queries'));
  await put('schema/0001_note.up.sql', schema);
  await put('queries/notes.sql', queries);
  await put(
    'holdfast.config.json',
    JSON.stringify({ compile: [{ queries: 'queries', schema: 'schema', out: 'out' }] }),
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFile(path.join(folder, name), text);
const compile = (...args: string[]) =>
  runCliInside(['compile', '--config', path.join(folder, 'holdfast.config.json'), ...args]);
const compiled = () => compile('--url', url);

describe('compile', () => {
  test('writes a module and says what it wrote', async () => {
    const { code, stdout } = await compiled();
    expect(code).toBe(0);
    expect(stdout).toContain('wrote out/notes.ts');
    const module = await readFile(path.join(folder, 'out/notes.ts'), 'utf8');
    expect(module).toContain('export const getNote = one<GetNoteParams, GetNoteRow>({');
    expect(module).toContain("from 'holdfast/runtime'");
  });

  test('a file that no compile wrote is neither overwritten nor deleted, and then nothing is written', async () => {
    const own = 'export const mine = 1;\n';
    await mkdir(path.join(folder, 'out'));
    await put('out/notes.ts', own);
    await put('queries/more.sql', queries.replace('GetNote', 'More'));
    const { code, stderr } = await compiled();
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'holdfast: out/notes.ts: would be overwritten, and holdfast compile did not write it: move it, or name another "out"\n',
    });
    expect(await readdir(path.join(folder, 'out'))).toEqual(['notes.ts']);
    await rm(path.join(folder, 'out/notes.ts'));
    expect((await compiled()).code).toBe(0);
    // What a compile wrote once is somebody's own since.
    await put('out/more.ts', own);
    await rm(path.join(folder, 'queries/more.sql'));
    expect((await compiled()).code).toBe(0);
    expect(await readFile(path.join(folder, 'out/more.ts'), 'utf8')).toBe(own);
  });

  // What CockroachDB compiled is not what the embedded PostgreSQL would.
  test.runIf(testEngine() === 'postgresql')('unchanged input is settled without an engine', async () => {
    await compiled();
    // There is nothing at that port, so an engine would be missed.
    expect(await compile()).toEqual({ code: 0, stdout: 'nothing changed\n', stderr: '' });
  });

  test.runIf(testEngine() === 'postgresql')('an unchanged run says its warnings again', async () => {
    await put('queries/notes.sql', `${queries}\n-- name: DeleteNotes :exec\nDELETE FROM note;\n`);
    const { stderr } = await compiled();
    expect(stderr).toContain('queries/notes.sql:5:1: warning HL006: DELETE without WHERE touches every row');
    expect(await compile()).toEqual({ code: 0, stdout: 'nothing changed\n', stderr });
  });

  test.each(['', 'null', '{}', '{"format":1,"queries":[]}'])(
    'a lock file that says %j is none',
    async (text) => {
      await compiled();
      await put('out/holdfast.lock.json', text);
      const missing = 'out: was never compiled: run holdfast compile and commit what it writes\n';
      expect(await compile('--check')).toEqual({ code: 1, stdout: '', stderr: missing });
    },
  );

  test('says how many queries it did not have to ask about', async () => {
    await compiled();
    await put('queries/more.sql', queries.replace('GetNote', 'GetMore'));
    expect((await compiled()).stdout).toMatch(/\n2 queries compiled against .* \(1 known from before\)\n$/);
  });

  test('reports every error of every file with its place, and writes nothing', async () => {
    await put('queries/a.sql', '-- name: A :one\nSELECT nope FROM note;\n');
    await put('queries/b.sql', '-- name: B :some\nSELECT 1 AS x;\n');
    const { code, stderr } = await compiled();
    expect(code).toBe(1);
    expect(stderr).toContain('queries/a.sql:2:8: error 42703');
    expect(stderr).toContain('queries/b.sql:1:4: error HF001');
    expect(stderr).toContain('2 errors; nothing was written');
    await expect(readdir(path.join(folder, 'out'))).rejects.toThrow('ENOENT');
  });

  test('a failing run leaves what was compiled before as it was', async () => {
    await compiled();
    const before = await readFile(path.join(folder, 'out/notes.ts'), 'utf8');
    await put('queries/notes.sql', `${queries}\n-- name: Bad :one\nSELECT nope FROM note;\n`);
    expect((await compiled()).code).toBe(1);
    expect(await readFile(path.join(folder, 'out/notes.ts'), 'utf8')).toBe(before);
  });

  const objects = (stdout: string) =>
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));

  test('--format json gives one object a line with the range of each place, and a summary', async () => {
    const bad = '-- name: A :one\nSELECT nope FROM note;\n-- name: B :one\nSELECT "no pe" FROM note;\n';
    await put('queries/a.sql', `${bad}-- name: C :exec\nDELETE FROM note;\n`);
    const { code, stdout, stderr } = await compile('--url', url, '--format', 'json');
    expect([code, stderr]).toEqual([1, '']);
    const place = { file: 'queries/a.sql', severity: 'error', code: '42703' };
    expect(objects(stdout)).toMatchObject([
      { ...place, line: 2, column: 8, endLine: 2, endColumn: 12, query: 'A' },
      { ...place, line: 4, column: 8, endLine: 4, endColumn: 15, query: 'B' },
      { severity: 'warning', code: 'HL006', line: 6, column: 1, endLine: 6, endColumn: 7, query: 'C' },
      { summary: { errors: 2, warnings: 1, queries: 2, written: [] } },
    ]);
    await rm(path.join(folder, 'queries/a.sql'));
    const good = objects((await compile('--url', url, '--format', 'json')).stdout);
    expect(good).toMatchObject([{ summary: { errors: 0, warnings: 0, queries: 1 } }]);
    expect(good[0].summary.written).toEqual(['out/notes.ts', 'out/holdfast.lock.json']);
    expect(good[0].summary.engines).toHaveLength(1);
  });

  test.each([
    ['{ "compile": [', [], 2, 'holdfast.config.json: not JSON'],
    ['{ "compile": [{ "queries": "queries" }] }', [], 2, 'holdfast.config.json: compile.0.out'],
    [
      '{ "compile": [{ "queries": "none", "out": "out" }] }',
      ['--check'],
      2,
      '"queries": none cannot be read',
    ],
  ])('--format json tells what is wrong with the configuration %s', async (text, args, exit, message) => {
    await put('holdfast.config.json', text);
    const { code, stdout, stderr } = await compile('--url', url, '--format', 'json', ...args);
    expect(code).toBe(exit);
    expect(stderr).toContain(message);
    expect(objects(stdout)).toEqual([
      {
        ...{ severity: 'error', code: 'HOLDFAST_INVALID_OPTION', message: expect.stringContaining(message) },
        ...{ file: path.join(folder, 'holdfast.config.json'), line: null, column: null },
        ...{ endLine: null, endColumn: null, hint: null, query: null },
      },
      { summary: { errors: 1, warnings: 0, queries: 0, written: [], engines: [] } },
    ]);
  });

  test('--format sarif gives one log of SARIF 2.1.0', async () => {
    await put(
      'queries/a b.sql',
      '-- name: A :one\nSELECT nope FROM note;\n-- name: C :exec\nDELETE FROM note;\n',
    );
    const { code, stdout } = await compile('--url', url, '--format', 'sarif');
    expect(code).toBe(1);
    const at = (startLine: number, startColumn: number, endColumn: number) => ({
      artifactLocation: { uri: 'queries/a%20b.sql' },
      region: { startLine, startColumn, endLine: startLine, endColumn },
    });
    // By its type a log of the standard, and in all that is in it as follows.
    const log: Log = sarifLog([], '0.0.0');
    expect(log.version).toBe('2.1.0');
    expect(JSON.parse(stdout)).toEqual({
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'holdfast compile',
              version: expect.stringMatching(/^\d+\.\d+\.\d+/),
              rules: [{ id: '42703' }, { id: 'HL006' }],
            },
          },
          columnKind: 'unicodeCodePoints',
          results: [
            {
              ...{ ruleId: '42703', ruleIndex: 0, level: 'error' },
              message: { text: expect.stringContaining('column "nope" does not exist') },
              locations: [{ physicalLocation: at(2, 8, 12) }],
            },
            {
              ...{ ruleId: 'HL006', ruleIndex: 1, level: 'warning' },
              message: { text: expect.stringContaining('DELETE without WHERE') },
              locations: [{ physicalLocation: at(4, 1, 7) }],
            },
          ],
        },
      ],
    });
    const { stdout: stale } = await compile('--check', '--format', 'sarif');
    expect(JSON.parse(stale).runs[0].results).toMatchObject([
      { ruleId: 'HF073', locations: [{ physicalLocation: { artifactLocation: { uri: 'out' } } }] },
    ]);
    expect((await compile('--watch', '--format', 'sarif')).code).toBe(2);
  });

  test('--explain prints the proof of each column', async () => {
    const { code, stdout } = await compile('--url', url, '--explain', 'getnote');
    expect(code).toBe(0);
    expect(stdout).toMatch(/body\s+text\s+string\s+note\.body is NOT NULL/);
    expect(stdout).toMatch(/author\s+text\s+string \| null\s+note\.author has no NOT NULL/);
  });

  test('a configuration with an unknown key is a usage error that names it', async () => {
    await put(
      'holdfast.config.json',
      JSON.stringify({ compile: [{ queries: 'queries', out: 'out', shema: 'schema' }] }),
    );
    const { code, stderr } = await compiled();
    expect(code).toBe(2);
    expect(stderr).toContain('shema');
  });

  test.each(['queries', 'schema'])('%s that are not there are a usage error that names them', async (key) => {
    const target = { queries: 'queries', schema: 'schema', out: 'out', [key]: 'nowhere' };
    await put('holdfast.config.json', JSON.stringify({ compile: [target] }));
    for (const args of [[], ['--check']]) {
      const { code, stderr } = await compile(...args);
      expect(code).toBe(2);
      expect(stderr).toContain(`"${key}": nowhere cannot be read (ENOENT)`);
    }
  });

  test("rules of one's own see query, columns and plan, can be silenced, and a changed one is heard", async () => {
    const rule = (message: string) => `export default [
      {
        code: 'ACME1',
        hint: 'mend it',
        plan: true,
        *check({ name, command, sql, statement, params, columns, plan }) {
          const [column] = columns;
          const seen = [name, command, Object.keys(statement)[0], params[0]?.ts, column?.field, column?.nullable];
          if (column) yield { message: [\`${message}\`, ...seen, typeof plan].join(' '), location: sql.indexOf('body') };
        },
      },
    ];`;
    await put('own.rules.ts', rule('found'));
    const target = { queries: 'queries', schema: 'schema', out: 'out', rules: 'own.rules.ts' };
    await put('holdfast.config.json', JSON.stringify({ compile: [target] }));
    const planned = testEngine() === 'postgresql' ? '(object|undefined)' : 'undefined';
    const warning = (word: string) =>
      new RegExp(
        `^queries/notes.sql:2:8: warning ACME1: ${word} GetNote one SelectStmt bigint body false ${planned}\n`,
      );
    expect((await compiled()).stderr).toMatch(warning('found'));
    // Out of the cache, and from the lock file.
    await put(
      'queries/more.sql',
      '-- name: More :exec\nINSERT INTO note (note_id, body) VALUES (1, @body);\n',
    );
    expect((await compiled()).stderr).toMatch(warning('found'));
    await put('own.rules.ts', rule('still'));
    expect((await compile('--check')).stderr).toContain('holdfast.config.json: changed');
    expect((await compiled()).stderr).toMatch(warning('still'));
    await put('queries/notes.sql', queries.replace('\n', '\n-- lint:ignore ACME1 it is old\n'));
    expect((await compiled()).stderr).toBe('');
  });

  test.each([
    ['export default [{ code: "HF1", hint: "", check() {} }];', 'rule 0 of own.rules.js has to have a code'],
    ['export const rules = [];', 'no array of rules'],
    ['export default [', 'own.rules.js cannot be loaded'],
    [
      'export default [{ code: "A1", hint: "", check() { throw new Error("oh") } }];',
      'rule A1: failed at GetNote: oh',
    ],
  ])('rules that say %s are refused in one line', async (text, message) => {
    await put('own.rules.js', text);
    const target = { queries: 'queries', schema: 'schema', out: 'out', rules: 'own.rules.js' };
    await put('holdfast.config.json', JSON.stringify({ compile: [target] }));
    const { code, stderr } = await compiled();
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    await expect(readdir(path.join(folder, 'out'))).rejects.toThrow('ENOENT');
  });

  test('modules stand beside their .sql files, and import what they share from out', async () => {
    await put(
      'schema/0002_mood.up.sql',
      "CREATE TYPE mood AS ENUM ('sad', 'ok');\nALTER TABLE note ADD COLUMN mood mood;\n",
    );
    await mkdir(path.join(folder, 'src/notes'), { recursive: true });
    await put('src/notes/notes.sql', '-- name: Moods :many\nSELECT note_id, mood FROM note;\n');
    const target = {
      ...{ queries: 'src/**/*.sql', schema: 'schema', out: 'src/shared', beside: '.queries.ts', zod: true },
      ...{ runtime: '../runtime.ts' },
      overrides: { types: { int8: { codec: 'id', type: 'Id', from: './id.ts' } } },
    };
    const configure = (...compile: object[]) => put('holdfast.config.json', JSON.stringify({ compile }));
    await configure(target);
    expect((await compiled()).stdout).toContain(
      'wrote src/notes/notes.queries.ts\nwrote src/notes/notes.queries.schemas.ts\n',
    );
    expect((await readdir(path.join(folder, 'src/shared'))).sort()).toEqual([
      'holdfast.lock.json',
      'types.ts',
    ]);
    const module = await readFile(path.join(folder, 'src/notes/notes.queries.ts'), 'utf8');
    expect(module.match(/^import .*$/gm)).toEqual([
      "import { bindAll, many, type NoParams } from '../runtime.ts';",
      "import { type Id, id } from '../shared/id.ts';",
      "import { type Mood, moodCodec } from '../shared/types.ts';",
    ]);
    expect(await compile('--check')).toMatchObject({ code: 0, stdout: 'up to date\n' });
    await put('src/notes/notes.queries.ts', `${module}// mine\n`);
    expect((await compile('--check')).stderr).toContain('src/notes/notes.queries.ts: was edited by hand');
    await configure(target, { ...target, out: 'src/other' });
    expect(await compiled()).toMatchObject({ code: 2, stderr: expect.stringContaining('of two targets') });
    await configure(target);
    await put('src/more.sql', '-- name: More :many\nSELECT mood FROM note;\n');
    await rm(path.join(folder, 'src/notes/notes.sql'));
    expect((await compiled()).code).toBe(0);
    expect(await readdir(path.join(folder, 'src/notes'))).toEqual([]);
  });

  test('a file that is named by its folder and by itself is compiled once', async () => {
    const target = { queries: ['queries', './queries/notes.sql'], schema: 'schema', out: 'out' };
    await put('holdfast.config.json', JSON.stringify({ compile: [target] }));
    expect((await compiled()).stdout).toContain('\n1 query compiled');
  });

  test('without a configuration it says what to create', async () => {
    const { code, stderr } = await runCliInside(['compile', '--config', path.join(folder, 'none.json')]);
    expect(code).toBe(2);
    expect(stderr).toContain('create it');
  });
});

describe('compile --check', () => {
  const rerun = 'run holdfast compile and commit what it writes';
  beforeEach(async () => {
    expect((await compiled()).code).toBe(0);
  });

  test('is content with what was just compiled, and asks no engine', async () => {
    expect(await compile('--check')).toMatchObject({ code: 0, stdout: 'up to date\n' });
  });

  test('tells a changed query', async () => {
    await put('queries/notes.sql', queries.replace(', author', ''));
    expect(await compile('--check')).toEqual({
      code: 1,
      stdout: '',
      stderr: `queries/notes.sql: a query changed since it was compiled: ${rerun}\n`,
    });
  });

  test('tells a changed migration', async () => {
    await put('schema/0002_more.up.sql', 'ALTER TABLE note ADD COLUMN at TIMESTAMPTZ;\n');
    expect(await compile('--check')).toEqual({
      code: 1,
      stdout: '',
      stderr: `schema: a migration changed since out was compiled: ${rerun}\n`,
    });
  });

  test('tells an output that was edited by hand', async () => {
    const file = path.join(folder, 'out/notes.ts');
    await writeFile(file, `${await readFile(file, 'utf8')}// mine\n`);
    expect(await compile('--check')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'out/notes.ts: was edited by hand; change the .sql file instead and run holdfast compile\n',
    });
  });

  test('tells an output that is missing', async () => {
    await rm(path.join(folder, 'out/notes.ts'));
    expect((await compile('--check')).stderr).toContain('out/notes.ts: is missing');
  });
});

test('compile --watch compiles again when a query changes, and ends when it is told to', async () => {
  const args = ['compile', '--watch', '--url', url, '--config', path.join(folder, 'holdfast.config.json')];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let said = '';
    const heard = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const listen = (chunk: Buffer) => {
          said += chunk.toString();
          if (!said.includes(text)) return;
          said = '';
          for (const stream of [child.stdout, child.stderr]) stream.off('data', listen);
          resolve();
        };
        for (const stream of [child.stdout, child.stderr]) stream.on('data', listen);
        child.once('exit', () => reject(new Error(`it ended, having said ${said}`)));
      });
    await heard('watching for changes');
    const again = heard('1 query compiled');
    await put('queries/notes.sql', queries.replace(', author', ''));
    await again;
    expect(await readFile(path.join(folder, 'out/notes.ts'), 'utf8')).not.toContain('author');
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});
