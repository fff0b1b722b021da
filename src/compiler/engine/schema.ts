import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SourceFile } from '../source/source-file.ts';

/** Files of a schema folder in the order in which they apply: `NNNN_name.up.sql`, or any `.sql` not a down. */
export async function readSchema(root: string, folders: readonly string[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const folder of folders) {
    const entry = path.resolve(root, folder);
    const names = folder.endsWith('.sql')
      ? [entry]
      : (await readdir(entry))
          .filter((name) => name.endsWith('.sql') && !name.endsWith('.down.sql'))
          .sort()
          .map((name) => path.join(entry, name));
    for (const name of names)
      files.push({
        path: path.relative(root, name).replaceAll(path.sep, '/'),
        text: await readFile(name, 'utf8'),
      });
  }
  return files;
}
