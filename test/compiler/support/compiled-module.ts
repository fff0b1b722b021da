import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inject } from 'vitest';
import { parseConfig } from '../../../src/compiler/config-schema.ts';
import { openEngine } from '../../../src/compiler/engine/engine.ts';
import { compileTargets, formatDiagnostic, writeTargets } from '../../../src/compiler/index.ts';

/** A module compiled from this SQL, imported: what a user would have. */
export async function compiledModule<M>(schema: string, queries: string): Promise<M> {
  const root = await mkdtemp(path.join(tmpdir(), 'holdfast-module-'));
  const runtime = fileURLToPath(new URL('../../../src/query/index.ts', import.meta.url));
  const text = JSON.stringify({
    compile: [{ queries: 'queries.sql', schema: 'schema.sql', out: '.', runtime }],
  });
  const [target] = parseConfig(text, 'config');
  const files = {
    target: target!,
    paths: target!,
    schema: [{ path: 'schema.sql', text: schema }],
    queries: [{ path: 'queries.sql', text: queries }],
    root,
    out: root,
  };
  const engine = await openEngine({ url: inject('holdfast').url });
  try {
    const { compiled, diagnostics } = await compileTargets([files], engine);
    const wrong = diagnostics.filter(({ severity }) => severity === 'error');
    if (wrong.length > 0) throw new Error(wrong.map(formatDiagnostic).join('\n'));
    const config = { root, path: 'config', text, targets: async () => [target!], paths: () => [target!] };
    await writeTargets(config, compiled, 'any');
    return (await import(pathToFileURL(path.join(root, 'queries.ts')).href)) as M;
  } finally {
    await engine.close();
    await rm(root, { recursive: true, force: true });
  }
}
