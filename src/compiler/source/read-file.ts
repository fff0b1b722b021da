import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { invalidOption } from '../../base/index.ts';
import type { SourceFile } from './source-file.ts';

/** Reads a file of SQL. Throws MisuseError with the line of what is no UTF-8. */
export async function readSourceFile(root: string, full: string): Promise<SourceFile> {
  const shown = path.relative(root, full).replaceAll(path.sep, '/');
  const bytes = await readFile(full);
  try {
    // A byte order mark is left out.
    return { path: shown, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (cause) {
    // The text up to the first wrong byte has a line break for each line before it.
    const lines = bytes.toString('utf8').split('\ufffd', 1)[0]!.split('\n').length;
    throw invalidOption(`${shown}:${lines}`, 'not UTF-8: save the file in that encoding', { cause });
  }
}
