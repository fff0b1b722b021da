import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConnectionLostError } from '../../src/base/index.ts';
import type { MigrationConnection, MigrationTarget } from '../../src/migrate/index.ts';
import { urlTarget } from '../../src/migrate/url-target.ts';

/** A folder of migrations, called `app`, removed at the end. */
export async function migrationFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  const path = join(root, 'app');
  await mkdir(path);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return { path, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** Runs something before or after one statement: the nth of all connections, from 1, or one that begins so. */
export interface Interference {
  readonly at: number | string;
  readonly when: 'before' | 'after';
  readonly act: 'cut' | (() => Promise<void>);
}

/** A target whose connections are all cut at a statement, as a killed process's are. */
export function interferedTarget(
  url: string,
  interference?: Interference,
): MigrationTarget & { readonly statements: readonly string[] } {
  const real = urlTarget(url);
  const open: MigrationConnection[] = [];
  const statements: string[] = [];
  let isCut = false;
  const interfere = async (when: 'before' | 'after', position: number, text: string) => {
    if (interference === undefined || interference.when !== when) return;
    const { at, act } = interference;
    if (typeof at === 'number' ? at !== position : !text.startsWith(at)) return;
    if (act !== 'cut') return act();
    isCut = true;
    await Promise.all(open.map((connection) => connection.close()));
    throw new ConnectionLostError('cut by the test');
  };
  return {
    statements,
    async open() {
      if (isCut) throw new ConnectionLostError('cut by the test');
      const connection = await real.open();
      open.push(connection);
      return {
        engine: connection.engine,
        close: () => connection.close(),
        async execute(statement) {
          if (isCut) throw new ConnectionLostError('cut by the test');
          const position = statements.push(statement.text);
          await interfere('before', position, statement.text);
          try {
            return await connection.execute(statement);
          } finally {
            await interfere('after', position, statement.text);
          }
        },
      };
    },
  };
}
