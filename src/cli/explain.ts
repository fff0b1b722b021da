import { type Command, InvalidArgumentError } from 'commander';
import type { Explanation, Fact } from '../index.ts';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { allFaces } from './support/faces.ts';
import { cell, plainJson, printTable } from './support/table.ts';
import { UsageError } from './support/usage-error.ts';

interface Options {
  readonly url?: string;
  readonly component?: string[];
  readonly exclude?: { readonly group: string; readonly key: string }[];
  readonly json?: boolean;
}

/** Nothing moves the target before somebody acts. */
const STUCK = 3;
/** A longer verdict is cut; `--json` shows all of it. */
const LINE = 300;

/** `holdfast explain` */
export function register(program: Command): void {
  addUrlOption(program.command('explain <target>'))
    .description('why a target does not go on: the verdict, then what is known; exit code 3 when it is stuck')
    .option('--component <name...>', 'sessions of these do its work; else those that are named as the kind')
    .option('--exclude <group=key...>', 'exclusion keys that it is claimed with', exclusionKeys)
    .option('--json', 'as one JSON object')
    .action(act);
}

function exclusionKeys(text: string, before: Options['exclude'] = []): Options['exclude'] {
  const [, group, key] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (group === undefined || key === undefined) throw new InvalidArgumentError('GROUP=KEY is wanted.');
  return [...before, { group, key }];
}

async function act(target: string, { url, component, exclude, json }: Options): Promise<void> {
  const { explain } = await import('../index.ts');
  const explanation = await withDatabase(url, async (db) =>
    explain(db, target, {
      faces: await allFaces(),
      ...(component && { components: component }),
      ...(exclude && { exclude }),
    }),
  );
  if (!explanation.isKnown) throw new UsageError(`${explanation.verdict}: no work of it was ever claimed`);
  if (json) console.log(plainJson(explanation));
  else print(explanation);
  process.exitCode = explanation.state === 'stuck' ? STUCK : 0;
}

function print({ verdict, findings, facts }: Explanation): void {
  console.log(cell(verdict, LINE));
  if (findings.length > 1)
    for (const { state, subject, text } of findings)
      console.log(`  ${state}  ${subject}: ${cell(text, LINE)}`);
  for (const { face, rows } of facts) {
    console.log(`\n${face}`);
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) =>
      rows.some(has(name)),
    );
    const shown = rows.map((row) => names.map((name) => cell(row[name])));
    printTable(
      names.map((name) => name.toUpperCase()),
      shown,
      'none',
    );
  }
}

const has = (name: string) => (row: Fact) => row[name] !== null && row[name] !== undefined;
