import type { Command } from 'commander';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { allFaces } from './support/faces.ts';
import { cell, plainJson } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Options {
  readonly url?: string;
  readonly json?: boolean;
}

/** `holdfast history` */
export function register(program: Command): void {
  addUrlOption(program.command('history <target>'))
    .description('what happened to a target, oldest first: claims, ends, what operators did, and every face')
    .option('--json', 'one JSON object a line')
    .action(act);
}

async function act(target: string, { url, json }: Options): Promise<void> {
  const { history } = await import('../index.ts');
  let count = 0;
  await withDatabase(url, async (db) => {
    for await (const event of history(db, target, { faces: await allFaces() })) {
      count++;
      if (json) console.log(plainJson(event));
      else {
        const { at, subject, event: name, token, sessionId, cause } = event;
        const claim = token === undefined ? '' : `  token ${token}, session ${sessionId}`;
        console.log(
          `${cell(at)}  ${subject} ${name}${cause === undefined ? '' : `: ${cell(cause)}`}${claim}`,
        );
      }
    }
  });
  if (count === 0) throw new UsageError(`nothing is known of ${target}: no work of it was ever claimed`);
}
