/**
 * Measures the compiler on a corpus over 20 tables, beside bare Parse + Describe of the same statements and beside
 * pgtyped on the same corpus.
 *
 * npm run bench:compile -- [--quick] [--runs 5]
 *
 * Writes bench/results/compile.json and docs/performance.md. With --quick (1,000 queries, two runs, no pgtyped)
 * nothing is written.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import pg from 'pg';
import { describeAll } from '../../src/compiler/engine/wire.ts';
import { startEmbedded } from '../../src/database/embedded/index.ts';
import { figure, inTurns, timed } from '../support/measure.ts';
import { machine } from '../support/server.ts';
import { writePage } from '../write-page.ts';
import { corpus, plainTexts, schemaText } from './corpus.ts';
import { compilingPart } from './page.ts';
import { CorpusProject } from './project.ts';
import type { CompileResults, CorpusFigures } from './results.ts';

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, runs: { type: 'string' } },
});
const { quick } = values;
const runs = Number(values.runs ?? (quick ? 2 : 5));
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`bench: --runs ${values.runs}: give a whole number from 1`);
  process.exit(2);
}

const seconds = async (body: () => Promise<unknown>) => (await timed(body)) / 1000;

async function must(what: string, output: Promise<string>, expected: string): Promise<void> {
  const said = await output;
  if (!said.includes(expected)) throw new Error(`${what}: expected "${expected}", got: ${said}`);
}

async function bareDescribe(url: string, count: number): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await client.query('SET search_path = public');
  await client.query(schemaText());
  const texts = plainTexts(corpus(count));
  const taken = await seconds(async () => {
    const answers = await describeAll(client, texts);
    if (answers.some((answer) => answer instanceof Error))
      throw new Error('a query of the corpus is not valid');
  });
  await client.end();
  return taken;
}

/** Needs the tables in `url`, as bareDescribe leaves them there. */
async function runPgtyped(project: CorpusProject, url: string): Promise<CorpusFigures['pgtyped']> {
  if (!existsSync(file('node_modules')))
    execFileSync('npm', ['install', '--prefer-offline', '--no-package-lock'], {
      cwd: file('.'),
      stdio: 'inherit',
    });
  const manifest = JSON.parse(await readFile(file('node_modules/@pgtyped/cli/package.json'), 'utf8'));
  const config = {
    transforms: [{ mode: 'sql', include: '**/*.sql', emitTemplate: '{{dir}}/{{name}}.queries.ts' }],
    srcDir: path.join(project.folder, 'pgtyped'),
    dbUrl: `${url}?options=${encodeURIComponent('-c search_path=public')}`,
  };
  const configFile = path.join(project.folder, 'pgtyped.json');
  await writeFile(configFile, JSON.stringify(config));
  const taken = await seconds(() =>
    promisify(execFile)(file('node_modules/.bin/pgtyped'), ['-c', configFile], { maxBuffer: 1 << 28 }),
  );
  return { version: manifest.version, seconds: figure([taken]) };
}

async function measureCorpus(count: number, url: string): Promise<CorpusFigures> {
  await using project = await CorpusProject.create(count);
  const known = `(${count - 1} known from before)`;
  const figures = await inTurns(count > 1_000 ? Math.min(runs, 3) : runs, {
    bare: () => bareDescribe(url, count),
    cold: async () => {
      await project.forget();
      return seconds(() => project.compile(url));
    },
  });
  const changed = async (...args: readonly string[]) => {
    // With this engine, whichever ran last: a project that is up to date would not ask it.
    await project.change();
    await project.command(...args);
    await project.change();
    return seconds(() => must('one changed', project.command(...args), known));
  };
  const commands = await inTurns(count > 1_000 ? 2 : Math.min(runs, 3), {
    coldRunning: async () => {
      await project.forget();
      return seconds(() => must('cold', project.command('--url', url), `${count} queries compiled`));
    },
    coldCommand: async () => {
      await project.forget();
      return seconds(() => must('cold', project.command(), `${count} queries compiled`));
    },
    unchanged: async () => {
      await project.command();
      return seconds(() => must('unchanged', project.command(), 'nothing changed'));
    },
    oneChanged: () => changed('--url', url),
    oneChangedCommand: () => changed(),
  });
  const pgtyped = count <= 1000 && !quick ? await runPgtyped(project, url) : undefined;
  return { queries: count, ...figures, ...commands, ...(pgtyped ? { pgtyped } : {}) };
}

execFileSync('npm', ['run', '--silent', 'build'], { cwd: file('../..'), stdio: 'inherit' });
const loadBefore = Number(loadavg()[0]!.toFixed(2));
const floors = await inTurns(Math.max(runs, 3), {
  node: () => seconds(() => promisify(execFile)(process.execPath, ['-e', '0'])),
  engineStart: async () => {
    const started = performance.now();
    await using _ = await startEmbedded();
    return (performance.now() - started) / 1000;
  },
});
await using server = await startEmbedded();
const corpora: CorpusFigures[] = [];
for (const count of quick ? [1_000] : [1_000, 10_000]) {
  console.log(`${count} queries ...`);
  corpora.push(await measureCorpus(count, server.url));
}
const results: CompileResults = {
  measuredAt: new Date().toISOString(),
  machine: machine(),
  server: 'PostgreSQL 18',
  loadBefore,
  loadAfter: Number(loadavg()[0]!.toFixed(2)),
  floors,
  corpora,
};
console.log(`\n${compilingPart(results)}`);
if (!quick) {
  await mkdir(file('../results'), { recursive: true });
  await writeFile(file('../results/compile.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writePage();
}
