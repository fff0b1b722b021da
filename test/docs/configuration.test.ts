import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import { connectOptionsSchema } from '../../src/database/options.ts';
import { sessionOptionsSchema } from '../../src/sessions/options.ts';
import { transactOptionsSchema } from '../../src/transact/options.ts';
import { janitorSchema } from '../../src/upkeep/options.ts';
import { backoffSchema } from '../../src/work/backoff.ts';
import { controlLoopSchema } from '../../src/work/loop-options.ts';
import { readPage, root } from './support/blocks.ts';

const fleetCommands = [() => import('../../examples/fleet/cli/fleet.ts')];
const page = await readPage('docs/configuration.md');

/** The first cells of the tables under a heading. */
function rowsUnder(heading: string): readonly string[] {
  const [, section] = page.split(new RegExp(`^## ${heading}$`, 'm'));
  if (section === undefined) throw new Error(`docs/configuration.md has no "## ${heading}"`);
  const [own] = section.split(/^## /m);
  return [...own!.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name!);
}

/** Names in src that are variables of the environment, so not codes of errors. */
async function variablesOfSource(): Promise<readonly string[]> {
  const files: string[] = [];
  for (const folder of [join(root, 'src'), join(root, 'examples', 'fleet')])
    for (const file of await readdir(folder, { recursive: true }))
      if (file.endsWith('.ts') && !file.includes('node_modules')) files.push(join(folder, file));
  const text = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
  const codes = new Set(
    [...text.matchAll(/(?:\bcode = |^ {2}\| )'(HOLDFAST_\w+)'/gm)].map(([, code]) => code),
  );
  const names = [...text.matchAll(/\bHOLDFAST_[A-Z_]*[A-Z]\b/g), ...text.matchAll(/\bOTEL_[A-Z_]*[A-Z]\b/g)];
  return [...new Set(names.map(([name]) => name))].filter(
    (name) => !codes.has(name) && name !== 'HOLDFAST_FLEET',
  );
}

function variablesOf(command: Command): readonly string[] {
  const own = command.options.flatMap(({ envVar }) => envVar ?? []);
  return [...own, ...command.commands.flatMap(variablesOf)];
}

test('every environment variable that the code reads is on the page', async () => {
  const read = [
    ...(await variablesOfSource()),
    'DATABASE_URL',
    ...variablesOf(await createProgram(fleetCommands)),
  ];
  expect([...new Set(read)].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("every variable of the fleet's flags is in its table, and nothing else", async () => {
  const read = new Set(
    variablesOf(await createProgram(fleetCommands)).filter((name) => name.startsWith('HOLDFAST_FLEET_')),
  );
  expect(rowsUnder('The reference fleet').toSorted()).toEqual([...read].sort());
});

const options: readonly { heading: string; schema: z.ZodObject; nested?: readonly string[] }[] = [
  { heading: 'connect', schema: connectOptionsSchema, nested: ['pool', 'tls'] },
  { heading: 'startSession', schema: sessionOptionsSchema },
  { heading: 'transact', schema: transactOptionsSchema },
  { heading: 'runControlLoop', schema: controlLoopSchema },
  { heading: 'Backoff', schema: backoffSchema },
  { heading: 'runJanitor', schema: janitorSchema },
];

test.each(options)(
  'the table of $heading has every option, and nothing else',
  ({ heading, schema, nested }) => {
    const names = Object.entries(schema.shape).flatMap(([name, type]) => {
      if (!nested?.includes(name)) return [name];
      const inner = (type as z.ZodOptional<z.ZodObject>).unwrap();
      return Object.keys(inner.shape).map((key) => `${name}.${key}`);
    });
    expect(rowsUnder(heading).toSorted()).toEqual(names.sort());
  },
);
