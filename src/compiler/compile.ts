import type { QueryCache } from './cache/query-cache.ts';
import type { CompiledTarget } from './compile-target.ts';
import { type Diagnostic, SourceError, sortDiagnostics } from './diagnostic.ts';
import type { Engine } from './engine/engine.ts';
import type { TargetFiles } from './sources.ts';

export type { CompiledTarget } from './compile-target.ts';

/**
 * Compiles targets without writing anything but the cache, when one is given. The engine is asked for what the
 * cache does not hold, and for nothing else.
 */
export async function compileTargets(
  targets: readonly TargetFiles[],
  engine: Engine,
  cache?: QueryCache,
): Promise<{ readonly compiled: readonly CompiledTarget[]; readonly diagnostics: readonly Diagnostic[] }> {
  const { compileTarget } = await import('./compile-target.ts');
  const diagnostics: Diagnostic[] = [];
  const compiled: CompiledTarget[] = [];
  for (const files of targets) {
    try {
      compiled.push(await compileTarget(files, engine, (diagnostic) => diagnostics.push(diagnostic), cache));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      diagnostics.push(error.diagnostic);
    }
  }
  const sorted = sortDiagnostics(diagnostics);
  const same = (a: Diagnostic, b: Diagnostic) =>
    a.file.path === b.file.path && a.at === b.at && a.code === b.code;
  return { compiled, diagnostics: sorted.filter((d, i) => i === 0 || !same(d, sorted[i - 1]!)) };
}

/** `postgresql-18`, `cockroachdb-22.1`. */
export function engineFamily(version: string): string {
  const [name = '', number = ''] = version.split(' ');
  const parts = number.replace(/^v/, '').split('.');
  return `${name.toLowerCase()}-${name === 'PostgreSQL' ? parts[0] : parts.slice(0, 2).join('.')}`;
}
