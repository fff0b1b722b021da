/**
 * Writes the JSON schema of `holdfast.config.json`, which travels with the package for editors. `--check` fails when the
 * file is not what would be written.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { jsonSchema } from '../src/compiler/config-schema.ts';

const out = new URL('../config.schema.json', import.meta.url);
const text = `${JSON.stringify(jsonSchema(), null, 2)}\n`;
if (process.argv.includes('--check')) {
  if ((await readFile(out, 'utf8').catch(() => '')) !== text) {
    console.error('config.schema.json is not what src/compiler/config-schema.ts says: npm run compile');
    process.exitCode = 1;
  }
} else await writeFile(out, text);
