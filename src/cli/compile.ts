import { type Command, Option } from 'commander';
import type { CompileConfig, Engine, SourceFiles, TargetFiles } from '../compiler/index.ts';
import { type CompileReport, compileReport, type Format } from './support/compile-report.ts';
import { UsageError } from './support/usage-error.ts';

interface CompileOptions {
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly explain?: string;
  readonly format: Format;
  readonly url?: readonly string[];
  readonly config: string;
}

/** `holdfast compile`: SQL files in, typed functions out. */
export function register(program: Command): void {
  program
    .command('compile')
    .description('compile .sql files to typed query functions')
    .option('--check', 'write nothing; fail when the generated files are not what the sources give')
    .option('--watch', 'compile again whenever a .sql file or the configuration changes')
    .option('--explain <name>', 'print the types of a query with their proofs, its plan and its lints')
    .addOption(
      new Option('--format <format>', 'how to print: json is an object a line and a summary')
        .choices(['text', 'json', 'sarif'])
        .default('text'),
    )
    .option(
      '--url <url...>',
      'engine to compile against; a second one is compared (else the embedded PostgreSQL)',
    )
    .option('--config <file>', 'configuration file', 'holdfast.config.json')
    .action(async (options: CompileOptions) => {
      if (options.check && (options.watch || options.explain))
        throw new UsageError('--check goes with neither --watch nor --explain');
      if (options.format === 'sarif' && (options.watch || options.explain))
        throw new UsageError(
          '--format sarif is one log of one run: it goes with neither --watch nor --explain',
        );
      const report = await compileReport(options.format, program.version() ?? '');
      try {
        process.exitCode = await run(options, report);
      } catch (error) {
        report.failed(error, options.config);
        throw error;
      }
    });
}

async function run(options: CompileOptions, report: CompileReport): Promise<number> {
  const { readConfig, readTargets } = await import('../compiler/index.ts');
  const config = await readConfig(options.config);
  if (options.check) return check(config, report);
  if (!options.url && !options.watch && !options.explain && (await nothingChanged(config, report))) return 0;
  const targets = await readTargets(config);
  return withEngines(options.url ?? [], async (engines) => {
    const code = await compile(options, config, targets, engines, report);
    if (!options.watch) return code;
    const { watchSources } = await import('../compiler/watch.ts');
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    const again = async () => {
      try {
        const changed = await readConfig(options.config);
        await compile(options, changed, await readTargets(changed), engines, report);
      } catch (error) {
        console.error((error as Error).message);
        report.failed(error, options.config);
      }
    };
    // Said once it is true: what changes from now on is seen.
    const ready = () => console.error('watching for changes; Ctrl-C ends');
    await watchSources(config, targets, again, stop.signal, ready);
    return 0;
  });
}

/** Everything that is stale; the configuration is judged only where it is not the one of the manifest. */
async function findStale(config: CompileConfig) {
  const { readSources, readTargets, staleness } = await import('../compiler/index.ts');
  const read = async (files: readonly SourceFiles[]) => {
    const stale = (await Promise.all(files.map((target) => staleness(config, target)))).flat();
    return { files, stale };
  };
  const paths = config.paths();
  const quick = paths && (await read(await Promise.all(paths.map((target) => readSources(config, target)))));
  const judged = quick?.stale.every(({ kind }) => kind !== 'configuration' && kind !== 'missing');
  return quick && judged ? quick : read(await readTargets(config));
}

async function check(config: CompileConfig, report: CompileReport): Promise<number> {
  const { stale } = await findStale(config);
  for (const { message, kind, path } of stale) report.problem(`HF07${checkCodes[kind]}`, message, path);
  if (stale.length === 0) report.note('up to date');
  report.end();
  return stale.length === 0 ? 0 : 1;
}

/** Settles a run that has nothing to do, without an engine: what was said of the queries is said again. */
async function nothingChanged(config: CompileConfig, report: CompileReport): Promise<boolean> {
  const { settled } = await import('../compiler/index.ts');
  const { files, stale } = await findStale(config);
  if (stale.length > 0) return false;
  const known = await Promise.all(files.map(settled));
  if (!known.every(({ engine }) => engine?.startsWith('postgresql'))) return false;
  for (const { warnings } of known) warnings.forEach(report.diagnostic);
  report.note('nothing changed');
  report.end();
  return true;
}

const checkCodes = { query: 0, migration: 1, edited: 2, missing: 3, configuration: 4 } as const;

type Engines = readonly Engine[];

async function compile(
  options: CompileOptions,
  config: CompileConfig,
  targets: readonly TargetFiles[],
  engines: Engines,
  report: CompileReport,
): Promise<number> {
  const { compileTargets, dualVerdict, engineFamily, explainQuery, QueryCache, writeTargets } = await import(
    '../compiler/index.ts'
  );
  const cache = new QueryCache(config);
  const [engine, other] = engines;
  const { compiled, diagnostics: own } = await compileTargets(targets, engine!, cache);
  const diagnostics = [...own];
  if (other) {
    const second = await compileTargets(targets, other, cache);
    for (const diagnostic of second.diagnostics)
      if (diagnostic.severity === 'error')
        diagnostics.push({ ...diagnostic, message: `${other.version}: ${diagnostic.message}` });
    diagnostics.push(
      ...dualVerdict(
        { version: engine!.version, compiled },
        { version: other.version, compiled: second.compiled },
      ),
    );
  }
  if (options.explain) {
    const text = await explainQuery(options.explain, compiled, diagnostics, engine!);
    if (text === undefined) {
      diagnostics.filter((diagnostic) => diagnostic.severity === 'error').forEach(report.diagnostic);
      console.error(`no query is called ${options.explain}`);
    } else console.log(text);
    return text === undefined ? 1 : 0;
  }
  diagnostics.forEach(report.diagnostic);
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  const versions = engines.map(({ version }) => version);
  const count = compiled.reduce((sum, target) => sum + target.queries.length, 0);
  if (errors > 0) {
    if (options.format === 'text')
      console.error(`${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was written`);
    report.end({ queries: count, written: [], engines: versions });
    return 1;
  }
  const written = await writeTargets(config, compiled, engineFamily(engine!.version), own);
  const known = compiled.reduce((sum, target) => sum + target.known, 0);
  for (const path of written) report.note(`wrote ${path}`);
  report.note(
    `${count} ${count === 1 ? 'query' : 'queries'} compiled against ${versions.join(' and ')}${known > 0 ? ` (${known} known from before)` : ''}`,
  );
  report.end({ queries: count, written, engines: versions });
  return 0;
}

async function withEngines(
  urls: readonly string[],
  body: (engines: Engines) => Promise<number>,
): Promise<number> {
  const engines: Engine[] = [];
  try {
    if (urls.length > 2) throw new UsageError('--url is given twice at most');
    if (urls.length === 0) {
      const { EmbeddedEngine } = await import('../compiler/engine/embedded-engine.ts');
      engines.push(await EmbeddedEngine.find());
    }
    for (const url of urls) {
      const { openEngine } = await import('../compiler/engine/engine.ts');
      engines.push(await openEngine({ url }));
    }
    return await body(engines);
  } finally {
    for (const engine of engines) await engine.close();
  }
}
