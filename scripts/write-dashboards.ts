/** Writes the dashboards. `--check` fails when a file is not what would be written, or is there without reason. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { BOARDS } from './dashboards/boards.ts';
import { build } from './dashboards/build.ts';

const folder = new URL('../k8s/dashboards/', import.meta.url);
const made = new Map(BOARDS.map((board) => [board.file, `${JSON.stringify(build(board), null, 2)}\n`]));

if (process.argv.includes('--check')) {
  const files = [...new Set([...made.keys(), ...(await readdir(folder))])];
  for (const file of files) {
    if ((await readFile(new URL(file, folder), 'utf8').catch(() => '')) === made.get(file)) continue;
    console.error(`k8s/dashboards/${file} is not what scripts/dashboards says: npm run compile`);
    process.exitCode = 1;
  }
} else for (const [file, text] of made) await writeFile(new URL(file, folder), text);
