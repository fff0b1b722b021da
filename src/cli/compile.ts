import type { Command } from 'commander';
import type { CompileConfig, Diagnostic, TargetFiles } from '../compiler/index.ts';

interface CompileOptions {
  readonly check?: boolean;
  readonly format: string;
  readonly url?: readonly string[];
  readonly config: string;
}

/** `holdfast compile`: SQL files in, typed functions out. */
export function register(program: Command): void {
  program
    .command('compile')
    .description('compile .sql files to typed query functions')
    .option('--check', 'write nothing; fail when the generated files are not what the sources give')
    .option('--format <format>', 'text or json', 'text')
    .option('--url <url...>', 'engine to compile against (else the embedded PostgreSQL)')
    .option('--config <file>', 'configuration file', 'holdfast.config.json')
    .action(async (options: CompileOptions) => {
      process.exitCode = await run(options);
    });
}

async function run(options: CompileOptions): Promise<number> {
  const { readConfig, readTargets, staleness } = await import('../compiler/index.ts');
  const config = await readConfig(options.config);
  const targets = await readTargets(config);
  const stale = (await Promise.all(targets.map((files) => staleness(config, files)))).flat();
  const json = options.format === 'json';
  if (options.check) {
    for (const { message, kind } of stale)
      if (json) console.log(JSON.stringify({ severity: 'error', code: `HF-${kind}`, message }));
      else console.error(message);
    if (stale.length === 0 && !json) console.log('up to date');
    return stale.length === 0 ? 0 : 1;
  }
  if (stale.length === 0 && !options.url) {
    if (!json) console.log('nothing changed');
    return 0;
  }
  return compile(options, config, targets);
}

async function compile(
  options: CompileOptions,
  config: CompileConfig,
  targets: readonly TargetFiles[],
): Promise<number> {
  const { compileTargets, diagnosticToJson, engineFamily, formatDiagnostic, writeTargets } = await import(
    '../compiler/index.ts'
  );
  const json = options.format === 'json';
  const print = (diagnostic: Diagnostic) => {
    if (json) console.log(JSON.stringify(diagnosticToJson(diagnostic)));
    else console.error(formatDiagnostic(diagnostic));
  };
  const engine = await startEngine(options.url?.[0]);
  try {
    const { compiled, diagnostics } = await compileTargets(targets, engine);
    diagnostics.forEach(print);
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
    if (errors > 0) {
      if (!json) console.error(`${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was written`);
      return 1;
    }
    const written = await writeTargets(config, compiled, engineFamily(engine.version));
    const count = compiled.reduce((sum, target) => sum + target.queries.length, 0);
    if (!json) {
      for (const path of written) console.log(`wrote ${path}`);
      console.log(`${count} ${count === 1 ? 'query' : 'queries'} compiled against ${engine.version}`);
    }
    return 0;
  } finally {
    await engine.close();
  }
}

async function startEngine(url: string | undefined) {
  const { openEngine } = await import('../compiler/engine/engine.ts');
  if (url !== undefined) return openEngine({ url });
  const { startEmbedded } = await import('../database/embedded/index.ts');
  const server = await startEmbedded();
  return openEngine({ url: server.url, stop: () => server.stop() });
}
