import { type Command, Option } from 'commander';
import type { CompileConfig, Diagnostic, TargetFiles } from '../compiler/index.ts';
import { UsageError } from './support/usage-error.ts';

interface CompileOptions {
  readonly check?: boolean;
  readonly watch?: boolean;
  readonly explain?: string;
  readonly format: 'text' | 'json';
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
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option(
      '--url <url...>',
      'engine to compile against; a second one is compared (else the embedded PostgreSQL)',
    )
    .option('--config <file>', 'configuration file', 'holdfast.config.json')
    .action(async (options: CompileOptions) => {
      if (options.check && (options.watch || options.explain))
        throw new UsageError('--check goes with neither --watch nor --explain');
      process.exitCode = await run(options);
    });
}

async function run(options: CompileOptions): Promise<number> {
  const { compiledAgainst, readConfig, readTargets, staleness } = await import('../compiler/index.ts');
  const config = await readConfig(options.config);
  const targets = await readTargets(config);
  const stale = (await Promise.all(targets.map((files) => staleness(config, files)))).flat();
  const json = options.format === 'json';
  if (options.check) {
    for (const { message, kind, path } of stale)
      if (json)
        console.log(
          JSON.stringify({ severity: 'error', code: `HF07${checkCodes[kind]}`, message, file: path }),
        );
      else console.error(message);
    if (stale.length === 0 && !json) console.log('up to date');
    return stale.length === 0 ? 0 : 1;
  }
  const before = await Promise.all(targets.map(compiledAgainst));
  const embedded = before.every((family) => family?.startsWith('postgresql'));
  if (stale.length === 0 && embedded && !options.url && !options.watch && !options.explain) {
    if (!json) console.log('nothing changed');
    return 0;
  }
  return withEngines(options.url ?? [], async (engines) => {
    const code = await compile(options, config, targets, engines);
    if (!options.watch) return code;
    const { watchSources } = await import('../compiler/watch.ts');
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    const again = async () => {
      try {
        const changed = await readConfig(options.config);
        await compile(options, changed, await readTargets(changed), engines);
      } catch (error) {
        console.error((error as Error).message);
      }
    };
    // Said once it is true: what changes from now on is seen.
    const ready = () => console.error('watching for changes; Ctrl-C ends');
    await watchSources(config, targets, again, stop.signal, ready);
    return 0;
  });
}

const checkCodes = { query: 0, migration: 1, edited: 2, missing: 3, configuration: 4 } as const;

type Engines = readonly Awaited<ReturnType<typeof import('../compiler/engine/engine.ts')['openEngine']>>[];

async function compile(
  options: CompileOptions,
  config: CompileConfig,
  targets: readonly TargetFiles[],
  engines: Engines,
): Promise<number> {
  const {
    compileTargets,
    dualVerdict,
    diagnosticToJson,
    engineFamily,
    explainQuery,
    formatDiagnostic,
    writeTargets,
  } = await import('../compiler/index.ts');
  const json = options.format === 'json';
  const print = (diagnostic: Diagnostic) => {
    if (json) console.log(JSON.stringify(diagnosticToJson(diagnostic)));
    else console.error(formatDiagnostic(diagnostic));
  };
  const [engine, other] = engines;
  const { compiled, diagnostics: own } = await compileTargets(targets, engine!);
  const diagnostics = [...own];
  if (other) {
    const second = await compileTargets(targets, other);
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
      diagnostics.filter((diagnostic) => diagnostic.severity === 'error').forEach(print);
      console.error(`no query is called ${options.explain}`);
    } else console.log(text);
    return text === undefined ? 1 : 0;
  }
  diagnostics.forEach(print);
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  if (errors > 0) {
    if (!json) console.error(`${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was written`);
    return 1;
  }
  const written = await writeTargets(config, compiled, engineFamily(engine!.version));
  const count = compiled.reduce((sum, target) => sum + target.queries.length, 0);
  if (!json) {
    for (const path of written) console.log(`wrote ${path}`);
    console.log(
      `${count} ${count === 1 ? 'query' : 'queries'} compiled against ${engines.map((e) => e.version).join(' and ')}`,
    );
  }
  return 0;
}

async function withEngines(
  urls: readonly string[],
  body: (engines: Engines) => Promise<number>,
): Promise<number> {
  const { openEngine } = await import('../compiler/engine/engine.ts');
  const engines: Engines[number][] = [];
  try {
    if (urls.length > 2) throw new UsageError('--url is given twice at most');
    for (const url of urls) engines.push(await openEngine({ url }));
    if (engines.length === 0) {
      const { startEmbedded } = await import('../database/embedded/index.ts');
      const server = await startEmbedded();
      engines.push(await openEngine({ url: server.url, stop: () => server.stop() }));
    }
    return await body(engines);
  } finally {
    for (const engine of engines) await engine.close();
  }
}
