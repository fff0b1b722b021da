/**
 * `npm run demo:sync`: mirrors a registry of real packages in a worker that is killed half-way, and again; then upstream changes,
 * the mirror follows, and the real npm client installs from it. SQL and the registry's own counts say whether each number is
 * right.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect, type Database, runJanitor, sql } from '../../src/index.ts';
import { npmPlugin } from '../../src/plugins/index.ts';
import { listenForRepositories } from '../../src/serving/index.ts';
import { createRepository, openStore, repositoriesFace, type StepProgress } from '../../src/sync/index.ts';
import { testDatabases } from '../../src/testing/index.ts';
import { REPOSITORY, syncOnce } from './mirror.ts';
import { install } from './npm.ts';
import { foldersWithDependencies, type PackedPackage, pack, packInstalled } from './packages.ts';
import { Registry } from './registry.ts';

/** What is mirrored with all that it depends on. */
const ROOTS = ['fastify', 'pino', 'cli-progress', 'commander'];
/** Of these the registry has an old version first, which goes later. */
const WITH_OLD = ['pino', 'cli-progress', 'commander'];
const GIVE_UP_AFTER_MS = 300_000;

parseArgs({ options: {} });
const stop = new AbortController();
const { signal } = stop;
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.once(name, () => {
    process.exitCode = code;
    stop.abort(new Error(`stopped by ${name}`));
  });
const late = setTimeout(
  () => stop.abort(new Error(`not at its end after ${GIVE_UP_AFTER_MS / 1_000} seconds`)),
  GIVE_UP_AFTER_MS,
).unref();

let failed = 0;
/** Says what is, and whether it is what should be. */
function check(what: string, found: unknown, expected: unknown): void {
  const isRight = JSON.stringify(found) === JSON.stringify(expected);
  if (!isRight) failed++;
  console.log(
    `  ${isRight ? 'ok' : 'WRONG'}  ${what}: ${JSON.stringify(found)}${isRight ? '' : `, expected ${JSON.stringify(expected)}`}`,
  );
}

/** One line that changes in place on a terminal; elsewhere a line a second, if it has changed. */
class Progress {
  readonly #steps = new Map<string, StepProgress>();
  #shown = { line: '', at: 0 };

  show(step: StepProgress): void {
    this.#steps.set(step.code, step);
    const steps = [...this.#steps.values()].filter(({ done }) => done > 0);
    const line = `  ${steps.map(({ message, done }) => `${message.toLowerCase()} ${done}`).join(', ')}`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line.slice(0, process.stdout.columns - 1)}`);
    else if (line !== this.#shown.line && performance.now() - this.#shown.at > 1_000) {
      console.log(line);
      this.#shown = { line, at: performance.now() };
    }
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  }
}

/** A worker that is killed when the demo ends. */
function startWorker(
  url: string,
  storeFolder: string,
): { readonly process: ChildProcess; readonly ended: Promise<never> } {
  const child = fork(new URL('worker.ts', import.meta.url), [storeFolder], {
    env: { ...process.env, DATABASE_URL: url, HOLDFAST_DATABASE_URL: '' },
    signal,
    killSignal: 'SIGKILL',
  });
  const progress = new Progress();
  child.on('message', (step: StepProgress) => progress.show(step));
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, killed) => {
      progress.end();
      reject(new Error(`the worker has ended: ${killed ?? code}`));
    });
  });
  ended.catch(() => {});
  return { process: child, ended };
}

const countOf = async (db: Database, statement: ReturnType<typeof sql>) =>
  Number((await db.execute(statement)).rows[0]![0]);
const storedArtifacts = (db: Database) =>
  countOf(db, sql`SELECT count(*) FROM holdfast.artifact WHERE state = 'stored'`);
const heldVersions = (db: Database) =>
  countOf(
    db,
    sql`SELECT count(*) FROM holdfast.repository_content AS h JOIN holdfast.content AS c ON c.content_id = h.content_id
      WHERE h.version_removed IS NULL AND c.type = 'npm-version'`,
  );
const incomplete = (db: Database) =>
  countOf(db, sql`SELECT count(*) FROM holdfast.repository_version WHERE NOT complete`);
/** Of the second request; what the first one says has none. */
const halfContents = (db: Database) =>
  countOf(
    db,
    sql`SELECT count(*) FROM holdfast.content WHERE type = 'npm-version' AND metadata->>'_id' IS NULL`,
  );

async function demo(folder: string): Promise<void> {
  await using registry = await Registry.start();
  const packages: PackedPackage[] = [];
  for (const name of WITH_OLD) packages.push(await packInstalled(name, { version: '0.0.1' }));
  const old = [...packages];
  for (const one of await foldersWithDependencies(ROOTS)) packages.push(await pack(one));
  signal.throwIfAborted();
  for (const packed of packages) registry.publish(packed);
  const names = new Set(packages.map(({ name }) => name)).size;
  console.log(`a registry with ${packages.length} versions of ${names} packages of node_modules`);

  const { HOLDFAST_DATABASE_URL, DATABASE_URL } = process.env;
  await using databases = await testDatabases({ url: HOLDFAST_DATABASE_URL || DATABASE_URL || undefined });
  await using database = await databases.create();
  await using db = await connect(database.url);
  const storeFolder = join(folder, 'artifacts');
  const store = await openStore(storeFolder);
  // Frees what a dead worker held, and takes its version back.
  await using janitor = runJanitor(db, { intervalMs: 500, faces: [repositoriesFace({ store })] });
  await createRepository(db, REPOSITORY, {
    plugin: npmPlugin.name,
    settings: { url: registry.url, packages: ROOTS, versions: 'all', dependencies: true },
  });

  const sync = async () => {
    const progress = new Progress();
    try {
      return await syncOnce(db, store, { signal, onProgress: (step) => progress.show(step) });
    } finally {
      progress.end();
    }
  };

  const half = Math.floor(packages.length / 2);
  console.log(
    `a worker mirrors it; the registry stops to answer after ${half} tarballs, and the worker is killed`,
  );
  registry.stallAfter(half);
  const worker = startWorker(database.url, storeFolder);
  while ((await storedArtifacts(db)) < half) {
    await Promise.race([sleep(50, undefined, { signal }), worker.ended]);
  }
  worker.process.kill('SIGKILL');
  await once(worker.process, 'exit');
  check('artifacts that are stored', await storedArtifacts(db), half);
  check('versions of packages that anybody sees', await heldVersions(db), 0);
  check('contents with the first metadata alone', await halfContents(db), 0);

  console.log('this process mirrors it, as soon as the session of the dead worker is over');
  registry.stallAfter(Infinity);
  registry.forget();
  const first = await sync();
  check('the version and what it holds', [first.version, first.counts.present], [1, packages.length + names]);
  check(
    'tarballs that were asked for: only those that were missing',
    registry.asked.tarballs,
    packages.length - half,
  );
  check('artifacts that are stored', await storedArtifacts(db), packages.length);
  check('versions of packages that it holds', await heldVersions(db), packages.length);
  check('versions that are under way', await incomplete(db), 0);

  console.log('again, without a change');
  registry.forget();
  const second = await sync();
  check('the version', [second.version, second.changed], [1, false]);
  check('asked for', registry.asked, { documents: names, manifests: 0, tarballs: 0 });

  const next = await packInstalled('commander', { version: '999.0.0' });
  console.log(`upstream loses ${old.length} versions and has a new one`);
  for (const packed of old) registry.unpublish(packed);
  registry.publish(next);
  registry.forget();
  const third = await sync();
  check('the version', third.version, 2);
  // With the new version comes what belongs to all versions of its package: there latest is another one.
  check('added and removed', [third.counts.added, third.counts.removed], [2, old.length + 1]);
  check('asked for', registry.asked, { documents: names, manifests: 1, tarballs: 1 });
  check('versions of packages that it holds', await heldVersions(db), packages.length - old.length + 1);

  await using server = await listenForRepositories({ db, store, plugins: [npmPlugin] });
  const mirror = `${server.url}/${REPOSITORY}`;
  console.log('the mirror is served, and upstream is not needed any more');
  registry.forget();
  const versionsOf = async (url: string) =>
    Object.keys(((await (await fetch(url, { signal })).json()) as { versions: object }).versions);
  const [commander] = packages.filter(({ name, version }) => name === 'commander' && version !== '0.0.1');
  check('commander in version 1', await versionsOf(`${mirror}/@1/commander`), ['0.0.1', commander!.version]);
  check('commander now', await versionsOf(`${mirror}/commander`), [commander!.version, '999.0.0']);
  const installed = await install(join(folder, 'client'), mirror, 'fastify', signal);
  const needed = (await foldersWithDependencies(['fastify'])).length;
  check('packages that npm installs with fastify', installed.packages, needed);
  check('packages from elsewhere', installed.fromElsewhere, []);
  check('requests to upstream', registry.asked, { documents: 0, manifests: 0, tarballs: 0 });
  const { default: fastify } = (await import(
    join(folder, 'client', 'node_modules', 'fastify', 'fastify.js')
  )) as { default: () => { version: string } };
  check('the fastify that was installed', fastify().version, versionOf(packages, 'fastify'));
  await janitor.stop();
}

const versionOf = (packages: readonly PackedPackage[], name: string) =>
  packages.find((one) => one.name === name)!.version;

const folder = await mkdtemp(join(tmpdir(), 'holdfast-sync-'));
try {
  await demo(folder);
  console.log(failed === 0 ? 'every number is right' : `${failed} numbers are wrong, in ${basename(folder)}`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  const reason = signal.aborted ? signal.reason : error;
  console.error(`demo:sync: ${(reason as Error).message}`);
  process.exitCode ||= 1;
} finally {
  clearTimeout(late);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
