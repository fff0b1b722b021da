/**
 * Writes the rights of the fleet's users in Holdfast's own tables into `k8s/base/sql/grants.sql`, above those in the fleet's.
 * `--check` fails when the file has others.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { grantStatements } from '../src/index.ts';

const file = new URL('../k8s/base/sql/grants.sql', import.meta.url);
const BEGIN = "-- Holdfast's tables, written by npm run compile.\n";
const END = "\n-- The fleet's own tables.\n";

const statements = grantStatements({
  worker: ['provisioner', 'initializer', 'recoverer', 'installer'],
  janitor: ['janitor'],
  client: ['agent-api'],
  reader: ['console'],
});
const text = await readFile(file, 'utf8');
const [before, behind] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
const written = text.slice(0, before) + statements.map(wrapped).join('') + text.slice(behind);
if (!process.argv.includes('--check')) await writeFile(file, written);
else if (written !== text) {
  console.error('k8s/base/sql/grants.sql is not what the faces declare: npm run compile');
  process.exitCode = 1;
}

function wrapped(statement: string): string {
  const lines = [''];
  for (const word of `${statement};`.split(' ')) {
    const line = lines.at(-1)!;
    if (line.length + word.length > 118) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return `${lines.join('\n')}\n`;
}
