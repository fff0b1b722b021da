/**
 * Writes the library's migrations as a module, so that they travel with the code: bundled, it has no files beside it.
 * `--check` fails when the module is not what would be written.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';

const folder = new URL('../schema/holdfast/', import.meta.url);
const out = new URL('../src/migrate/holdfast-files.ts', import.meta.url);

const escaped = (text: string) => text.replace(/[\\`]|\$\{/g, '\\$&');
const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
const files = await Promise.all(
  names.map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')] as const),
);
const text = `// Made from schema/holdfast by npm run compile; do not edit.

/** The library's own migrations by file name. */
export const holdfastFiles: Readonly<Record<string, string>> = {
${files.map(([name, sql]) => `  '${name}': \`${escaped(sql)}\`,\n`).join('')}};
`;
if (process.argv.includes('--check')) {
  if ((await readFile(out, 'utf8').catch(() => '')) !== text) {
    console.error('src/migrate/holdfast-files.ts is not what schema/holdfast says: npm run compile');
    process.exitCode = 1;
  }
} else await writeFile(out, text);
