// npm run bench:compile [-- 1000 10000]: how long the compiler takes beyond starting the engine, beside bare
// Parse + Describe, and beside pgtyped where it is installed (npm install --prefix bench/compile).
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { openEngine } from '../../src/compiler/engine/engine.ts';
import { describeAll } from '../../src/compiler/engine/wire.ts';
import {
  compileTargets,
  engineFamily,
  readConfig,
  readTargets,
  writeTargets,
} from '../../src/compiler/index.ts';
import { startEmbedded } from '../../src/database/embedded/index.ts';
import { corpus, pgtypedText, plainTexts, schemaText, sqlcText } from './corpus.ts';

const perFile = 50;
const pgtyped = fileURLToPath(new URL('./node_modules/.bin/pgtyped', import.meta.url));

async function timed<T>(body: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const start = performance.now();
  const result = await body();
  return { seconds: (performance.now() - start) / 1000, result };
}

async function writeCorpus(folder: string, count: number): Promise<void> {
  await mkdir(path.join(folder, 'queries'));
  await mkdir(path.join(folder, 'pgtyped'));
  await writeFile(path.join(folder, 'schema.sql'), schemaText());
  const queries = corpus(count);
  for (let i = 0; i < count; i += perFile) {
    const part = queries.slice(i, i + perFile);
    await writeFile(path.join(folder, `queries/file${i / perFile}.sql`), sqlcText(part));
    await writeFile(path.join(folder, `pgtyped/file${i / perFile}.sql`), pgtypedText(part));
  }
  const config = { compile: [{ queries: 'queries', schema: 'schema.sql', out: 'out' }] };
  await writeFile(path.join(folder, 'holdfast.config.json'), JSON.stringify(config));
}

async function compileOnce(folder: string, url: string): Promise<number> {
  const { seconds } = await timed(async () => {
    const config = await readConfig(path.join(folder, 'holdfast.config.json'));
    const targets = await readTargets(config);
    const engine = await openEngine({ url });
    const { compiled, diagnostics } = await compileTargets(targets, engine);
    const error = diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    if (error) throw new Error(error.message);
    await writeTargets(config, compiled, engineFamily(engine.version));
    await engine.close();
  });
  return seconds;
}

async function bareDescribe(url: string, count: number): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await client.query('SET search_path = public');
  await client.query(schemaText());
  const { seconds, result } = await timed(() => describeAll(client, plainTexts(corpus(count))));
  if (result.some((answer) => answer instanceof Error)) throw new Error('a query of the corpus is not valid');
  await client.end();
  return seconds;
}

async function runPgtyped(folder: string, url: string): Promise<number | undefined> {
  if (!existsSync(pgtyped)) return undefined;
  const config = {
    transforms: [{ mode: 'sql', include: '**/*.sql', emitTemplate: '{{dir}}/{{name}}.queries.ts' }],
    srcDir: path.join(folder, 'pgtyped'),
    dbUrl: `${url}?options=${encodeURIComponent('-c search_path=public')}`,
  };
  await writeFile(path.join(folder, 'pgtyped.json'), JSON.stringify(config));
  const { seconds } = await timed(() =>
    promisify(execFile)(pgtyped, ['-c', path.join(folder, 'pgtyped.json')], { maxBuffer: 1 << 28 }),
  );
  return seconds;
}

const counts = process.argv.slice(2).map(Number);
const rows: string[] = [];
await using server = await startEmbedded();
for (const count of counts.length > 0 ? counts : [1000, 10_000]) {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-bench-'));
  try {
    await writeCorpus(folder, count);
    const bare = await bareDescribe(server.url, count);
    const own = await compileOnce(folder, server.url);
    const other = count <= 1000 ? await runPgtyped(folder, server.url) : undefined;
    const show = (seconds: number | undefined) => (seconds === undefined ? '-' : `${seconds.toFixed(2)} s`);
    rows.push(`| ${count} | ${show(own)} | ${show(bare)} | ${show(other)} |`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
console.log(`Node ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model})`);
console.log('| queries | holdfast compile | bare Parse + Describe | pgtyped |\n|---|---|---|---|');
console.log(rows.join('\n'));
