import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkOptions } from '../base/index.ts';
import type { Session } from '../index.ts';
import type { PipelineProfile, SyncResult } from '../sync/index.ts';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { interruptible } from './support/interrupt.ts';
import { wholeNumber } from './support/numbers.ts';
import { Steps } from './support/steps.ts';
import { addStoreOption, withStore } from './support/store.ts';
import { cell, iso, plainJson, printTable } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Common {
  readonly url?: string;
  readonly store?: string;
  readonly json?: boolean;
}

interface CreateOptions {
  readonly plugin?: string;
  readonly url?: string;
  readonly upstream?: string;
  readonly policy?: string;
  readonly retain?: number;
  readonly settings?: string;
}

/** Done, but something was left out or is left damaged. */
const PARTIAL = 3;
/** Connections at once of a command that does many things at a time. */
const MANY = 10;
/** Problems that a command names; `--json` has all of them. */
const NAMED = 20;

/** `holdfast repo list|create|sync|versions|show|diff|protect|unprotect|delete|verify|gc|serve` */
export function register(program: Command): void {
  const repo = program.command('repo').description('repositories: fill, look into, serve and mend them');
  const number = wholeNumber(1);
  addUrlOption(repo.command('list'))
    .description('every repository, and what its newest version holds')
    .option('--json', 'one JSON object a line')
    .action(list);
  addUrlOption(repo.command('create <repository>'))
    .description('make a repository; "repo sync" fills it')
    .option('--plugin <name>', 'what fills it: file (a PULP_MANIFEST) or npm; without one a program does')
    .option('--upstream <url>', 'where it is filled from: of the manifest or its folder, or of the registry')
    .addOption(
      new Option('--policy <policy>', 'fetch files with the sync, or when clients ask').choices([
        'immediate',
        'on-demand',
      ]),
    )
    .option('--retain <number>', 'keep so many complete versions, and protected ones', number)
    .option('--settings <json>', 'more settings of the plugin, such as {"packages": ["semver"]}', '{}')
    .action(create);
  addStoreOption(addUrlOption(repo.command('sync <repository>')))
    .description('make a complete version of what upstream has; exit code 3 when items were skipped')
    .option('--skip-errors <number>', 'leave out items that fail, at most so many', wholeNumber(0))
    .option('--profile', 'also how long each stage worked, waited and was blocked')
    .option('--json', 'as one JSON object')
    .action(sync);
  addUrlOption(repo.command('versions <repository>'))
    .description('its complete versions, the newest first')
    .option('--json', 'one JSON object a line')
    .action(versions);
  addUrlOption(repo.command('show <repository> [version]'))
    .description('a version in numbers; the newest unless one is named')
    .option('--content', 'everything that it holds')
    .option('--json', 'as one JSON object; with --content one a line')
    .action(show);
  addUrlOption(repo.command('diff <repository> <older> [newer]'))
    .description('what differs between two versions; the newer is the newest unless it is named')
    .option('--json', 'one JSON object a line')
    .action(diff);
  addUrlOption(repo.command('protect <repository> <version>'))
    .description('keep a version, whatever --retain says')
    .requiredOption('--reason <text>', 'why; somebody who wants to delete it reads that')
    .action(protect);
  addUrlOption(repo.command('unprotect <repository> <version>'))
    .description('let a version be deleted again')
    .action(unprotect);
  addUrlOption(repo.command('delete <repository> [version]'))
    .description('delete a version, or the repository with all of them; "repo gc" then frees its bytes')
    .option('--allow-destructive', 'the whole repository: needed without a version')
    .action(remove);
  addStoreOption(addUrlOption(repo.command('verify')))
    .description(
      'read every file of the store, and fetch anew what is damaged; exit code 3 when damage is left',
    )
    .option('--no-repair', 'only tell')
    .option('--json', 'one JSON object a line')
    .action(verify);
  addStoreOption(addUrlOption(repo.command('gc')))
    .description('delete what no version holds, and what dead workers left')
    .option('--grace <duration>', 'not what was used within this: 90s, 15m, 1h, 2d', duration, 3_600_000)
    .option('--json', 'as one JSON object')
    .action(collect);
  addStoreOption(addUrlOption(repo.command('serve')))
    .description('answer clients: /<repository>/<path>, and /<repository>/@<version>/<path>')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'the port; 0: one that is free', wholeNumber(0, 65_535), 8080)
    .option('--base-url <url>', 'how clients see the server, where a proxy stands before it')
    .action(serve);
}

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function duration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (!(ms >= 60_000))
    throw new InvalidArgumentError('a minute or more, such as 90s, 15m, 1h or 2d, is wanted.');
  return ms;
}

const numberOf = (text: string): number => wholeNumber(1)(text);

const load = () => import('../sync/index.ts');

async function plugins() {
  const { filePlugin, npmPlugin } = await import('../plugins/index.ts');
  return [filePlugin, npmPlugin];
}

const withSession = <T>(url: string | undefined, act: (session: Session) => Promise<T>): Promise<T> =>
  withDatabase(
    url,
    async (db) => {
      await using session = await db.startSession({ component: 'holdfast repo' });
      return await act(session);
    },
    { connections: MANY },
  );

async function list({ url, json }: Common): Promise<void> {
  const { listRepositories } = await load();
  await withDatabase(url, async (db) => {
    const rows: string[][] = [];
    for await (const one of listRepositories(db)) {
      if (json) {
        console.log(plainJson(one));
        continue;
      }
      const { name, plugin = '', version, present, completedAt } = one;
      rows.push([name, plugin, String(version || ''), String(present), iso(completedAt)]);
    }
    if (!json) printTable(['REPOSITORY', 'PLUGIN', 'VERSION', 'CONTENTS', 'COMPLETED'], rows, 'none');
  });
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const { url, plugin: wanted, upstream, policy, retain } = options;
  const settings = {
    ...settingsOf(options.settings!),
    ...(upstream !== undefined && { url: upstream }),
    ...(policy !== undefined && { policy: policy === 'on-demand' ? 'on demand' : policy }),
  };
  const { createRepository, pluginOf } = await load();
  if (wanted !== undefined) checkOptions(pluginOf(await plugins(), name, wanted).settings, settings);
  else if (Object.keys(settings).length > 0)
    throw new UsageError('settings are for a plugin: name it with --plugin file or --plugin npm');
  await withDatabase(url, (db) => createRepository(db, name, { plugin: wanted, settings, retain }));
  console.log(`created ${name}`);
}

function settingsOf(json: string): object {
  let settings: unknown;
  try {
    settings = JSON.parse(json);
  } catch (error) {
    throw new UsageError(`--settings: ${(error as Error).message}`);
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new UsageError('--settings: expected a JSON object, such as {"packages": ["semver"]}');
  return settings;
}

interface SyncOptions extends Common {
  readonly skipErrors?: number;
  readonly profile?: boolean;
}

async function sync(
  name: string,
  { url, store: place, skipErrors, profile, json }: SyncOptions,
): Promise<void> {
  const { syncRepository } = await load();
  const known = await plugins();
  const result = await interruptible((signal) =>
    withStore(place, (store) =>
      withSession(url, async (session) => {
        using steps = await Steps.begin();
        return await syncRepository(session, name, {
          plugins: known,
          store,
          signal,
          onProgress: steps.show,
          ...(skipErrors !== undefined && { onItemError: 'skip', skipLimit: skipErrors }),
        });
      }),
    ),
  );
  if (json) console.log(plainJson(plain(result, profile)));
  else print(name, result, profile);
  if (result.skipped.length > 0) process.exitCode = PARTIAL;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const plain = ({ skipped, profile, ...result }: SyncResult, withProfile = false) => ({
  ...result,
  skipped: skipped.map(({ item, stage, error }) => ({ item, stage, error: messageOf(error) })),
  ...(withProfile && { profile }),
});

function print(
  name: string,
  { version, changed, counts, skipped, profile }: SyncResult,
  withProfile = false,
) {
  const { added, removed, present } = counts;
  console.log(
    changed
      ? `${name} has version ${version}: ${added} added, ${removed} removed, ${present} in all`
      : `${name} did not change: ${version === 0 ? 'it has no version yet' : `version ${version} has ${present}`}`,
  );
  for (const { item, stage, error } of skipped.slice(0, NAMED))
    console.error(`skipped: ${item}, ${stage}: ${cell(messageOf(error), 300)}`);
  if (skipped.length > NAMED) console.error(`skipped: ${skipped.length - NAMED} more; --json names all`);
  if (withProfile) printProfile(profile);
}

function printProfile({ stages }: PipelineProfile): void {
  const ms = (value: number) => String(Math.round(value));
  console.log();
  printTable(
    ['STAGE', 'IN', 'OUT', 'BATCHES', 'WORKING MS', 'WAITING MS', 'BLOCKED MS', 'PEAK QUEUE'],
    stages.map((one) => [
      one.stage,
      String(one.itemsIn),
      String(one.itemsOut),
      String(one.batchesIn),
      ms(one.workingMs),
      ms(one.waitingMs),
      ms(one.blockedMs),
      String(one.peakQueued),
    ]),
    'none',
  );
}

async function versions(name: string, { url, json }: Common): Promise<void> {
  const { listVersions } = await load();
  const found = await withDatabase(url, (db) => listVersions(db, name));
  if (json) {
    for (const one of found) console.log(plainJson(one));
    return;
  }
  const rows = found.map(({ number, added, removed, present, completedAt, protected: why = '' }) => [
    String(number),
    String(added),
    String(removed),
    String(present),
    iso(completedAt),
    cell(why),
  ]);
  printTable(
    ['VERSION', 'ADDED', 'REMOVED', 'CONTENTS', 'COMPLETED', 'PROTECTED'],
    rows,
    'no complete version yet',
  );
}

async function show(
  name: string,
  version: string | undefined,
  { url, content, json }: Common & { readonly content?: boolean },
): Promise<void> {
  const { contentsOf, getRepository, getVersion } = await load();
  const number = version === undefined ? undefined : numberOf(version);
  await withDatabase(url, async (db) => {
    if (content) {
      for await (const one of contentsOf(db, name, number))
        console.log(json ? plainJson(one) : `${one.type}  ${one.key.join('  ')}`);
      return;
    }
    const repository = await getRepository(db, name);
    const { repositoryId: _, ...found } =
      number === undefined && repository.version === 0
        ? { repositoryId: undefined }
        : await getVersion(db, name, number);
    if (json) {
      console.log(plainJson({ ...repository, shown: 'number' in found ? found : null }));
      return;
    }
    const facts = {
      repository: name,
      plugin: repository.plugin,
      settings: plainJson(repository.settings),
      retain: repository.retain,
      ...('number' in found
        ? {
            version: found.number,
            contents: found.present,
            added: found.added,
            removed: found.removed,
            completed: found.completedAt,
            protected: found.protected,
          }
        : { version: 'none yet' }),
    };
    for (const [fact, value] of Object.entries(facts))
      if (value !== undefined) console.log(`${fact.padEnd(10)}  ${cell(value, 300)}`);
  });
}

const SIGNS = { added: '+', removed: '-', replaced: '~' } as const;

async function diff(
  name: string,
  older: string,
  newer: string | undefined,
  { url, json }: Common,
): Promise<void> {
  const { diff: differences, getVersion } = await load();
  const from = wholeNumber(0)(older);
  const to = newer === undefined ? undefined : numberOf(newer);
  await withDatabase(url, async (db) => {
    const { number } = await getVersion(db, name, to);
    for await (const one of differences(db, name, from, number))
      console.log(json ? plainJson(one) : `${SIGNS[one.change]} ${one.type}  ${one.key.join('  ')}`);
  });
}

async function protect(
  name: string,
  version: string,
  { url, reason }: { readonly url?: string; readonly reason: string },
): Promise<void> {
  const { protectVersion } = await load();
  await withDatabase(url, (db) => protectVersion(db, name, numberOf(version), reason));
  console.log(`protected version ${version} of ${name}`);
}

async function unprotect(name: string, version: string, { url }: Common): Promise<void> {
  const { unprotectVersion } = await load();
  await withDatabase(url, (db) => unprotectVersion(db, name, numberOf(version)));
  console.log(`version ${version} of ${name} is not protected any more`);
}

async function remove(
  name: string,
  version: string | undefined,
  { url, allowDestructive }: { readonly url?: string; readonly allowDestructive?: boolean },
): Promise<void> {
  const { deleteRepository, deleteVersion } = await load();
  if (version === undefined && !allowDestructive)
    throw new UsageError(
      'name a version, or pass --allow-destructive to delete all of them and the repository',
    );
  const number = version === undefined ? undefined : numberOf(version);
  await withSession(url, (session) =>
    number === undefined ? deleteRepository(session, name) : deleteVersion(session, name, number),
  );
  console.log(number === undefined ? `deleted ${name}` : `deleted version ${number} of ${name}`);
}

async function verify({
  url,
  store: place,
  repair,
  json,
}: Common & { readonly repair: boolean }): Promise<void> {
  const { verifyArtifacts } = await load();
  let [read, repaired, left] = [0, 0, 0];
  await withStore(place, (store) =>
    withDatabase(
      url,
      async (db) => {
        const onProgress = (artifacts: number) => {
          read = artifacts;
        };
        for await (const { error, ...damaged } of verifyArtifacts(db, { store, repair, onProgress })) {
          if (damaged.isRepaired) repaired++;
          else left++;
          const why = error === undefined ? undefined : messageOf(error);
          if (json) console.log(plainJson({ ...damaged, error: why }));
          else {
            const what = `${damaged.fault}: ${damaged.sha256} ${damaged.files.join(', ')}`;
            console.log(
              `${what}${damaged.isRepaired ? ', repaired' : why === undefined ? '' : `: ${cell(why, 300)}`}`,
            );
          }
        }
      },
      { connections: MANY },
    ),
  );
  if (!json) console.log(`read ${read}, repaired ${repaired}, damaged ${left}`);
  if (left > 0) process.exitCode = PARTIAL;
}

async function collect({
  url,
  store: place,
  grace,
  json,
}: Common & { readonly grace: number }): Promise<void> {
  const { collectGarbage } = await load();
  const found = await withStore(place, (store) =>
    withDatabase(url, (db) => collectGarbage(db, { store, graceMs: grace }), { connections: MANY }),
  );
  if (json) {
    console.log(plainJson(found));
    return;
  }
  const { contents, artifacts, versions: open, downloads } = found;
  console.log(
    `deleted ${contents} contents, ${artifacts} artifacts, ${open} open versions, ${downloads} interrupted downloads`,
  );
}

async function serve({
  url,
  store: place,
  host,
  port,
  baseUrl,
}: Common & { readonly host: string; readonly port: number; readonly baseUrl?: string }): Promise<void> {
  const { listenForRepositories } = await import('../serving/index.ts');
  const known = await plugins();
  const { promise: told, resolve: stop } = Promise.withResolvers<void>();
  await withStore(place, (store) =>
    withDatabase(
      url,
      async (db) => {
        const onError = (error: unknown, request: Request) =>
          console.error(`${request.method} ${new URL(request.url).pathname}: ${cell(messageOf(error), 300)}`);
        await using server = await listenForRepositories(
          { db, store, plugins: known, onError, ...(baseUrl !== undefined && { baseUrl }) },
          { host, port },
        );
        process.once('SIGINT', () => stop()).once('SIGTERM', () => stop());
        console.log(`serving at ${server.url}; Ctrl-C ends`);
        await told;
      },
      { connections: MANY },
    ),
  );
}
