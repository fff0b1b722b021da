import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { invalidOption, utf8Text } from '../../base/index.ts';
import { type SourceFile, slashed } from './source-file.ts';

/** Reads a file of SQL. Throws MisuseError with the line of what is no UTF-8. */
export async function readSourceFile(root: string, full: string): Promise<SourceFile> {
  const shown = slashed(path.relative(root, full));
  const read = utf8Text(await readFile(full));
  if ('text' in read) return { path: shown, text: read.text };
  throw invalidOption(`${shown}:${read.invalidLine}`, 'not UTF-8: save the file in that encoding');
}
