import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
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

  test('--format json gives one object a line', async () => {
    await put('queries/a.sql', '-- name: A :one\nSELECT nope FROM note;\n');
    const { stdout } = await compile('--url', url, '--format', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      severity: 'error',
      code: '42703',
      file: 'queries/a.sql',
      line: 2,
      column: 8,
    });
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
