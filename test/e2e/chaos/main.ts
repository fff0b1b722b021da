/**
 * `npm run chaos`: every face under faults, in many processes, for as long as is asked for. Writes a report, and exits 1 when an
 * invariant was broken, or one was never exercised in a run of two minutes or more.
 */
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { checkOptions } from '../../../src/base/index.ts';
import { run } from '../../../src/cli/program.ts';
import { UsageError } from '../../../src/cli/support/usage-error.ts';
import { seededRandom } from '../../support/seed.ts';
import { loadFaces } from './face.ts';
import { brokenIn, notExercisedIn, pageOf } from './report.ts';
import { runChaos } from './run-chaos.ts';
import { ENGINES, startServer } from './server.ts';

const number = z.coerce.number('expected a number');

const optionsSchema = z.strictObject({
  minutes: number.positive('expected more than 0').max(1_440, 'expected 1,440 at most'),
  engine: z.enum(ENGINES, `expected one of ${ENGINES.join(', ')}`),
  seed: number
    .int('expected a whole number')
    .min(0, 'expected 0 or more')
    .max(2 ** 31 - 1, `expected ${2 ** 31 - 1} at most`)
    .optional(),
  faces: z.array(z.string()).optional(),
  workers: number.int('expected a whole number').min(1, 'expected 1 or more').max(50, 'expected 50 at most'),
  intervalMs: number.int('expected a whole number').min(500, 'expected 500 or more'),
  mutation: z.string().optional(),
  report: z.string().min(1),
});

/** From here on a run has had time for everything. */
const LONG_MINUTES = 2;

function register(program: Command): void {
  program
    .command('chaos')
    .description('run every face in many processes under faults, and check by SQL what must hold')
    .option('--minutes <number>', 'how long faults go on', '10')
    .option('--engine <engine>', `${ENGINES.join(', ')}`, 'postgres')
    .option('--seed <number>', 'of the faults and of the workers; printed when it is drawn')
    .option('--faces <name...>', 'these faces alone')
    .option('--workers <number>', 'worker processes at a time', '5')
    .option('--interval-ms <number>', "of the workers' sessions", '3000')
    .option('--mutation <name>', 'a protection to take out, "FACE: NAME": the run must fail')
    .option('--report <folder>', 'where the report goes, as Markdown and JSON', '.holdfast/chaos')
    .action(chaos);
}

async function chaos(given: unknown): Promise<void> {
  const options = checkOptions(optionsSchema, given);
  const { minutes, engine, workers, intervalMs, mutation, seed = randomInt(2 ** 31) } = options;
  const faces = await loadFaces(options.faces);
  const mutations = faces.flatMap((face) =>
    Object.keys(face.mutations).map((name) => `${face.name}: ${name}`),
  );
  if (mutation !== undefined && !mutations.includes(mutation))
    throw new UsageError(`there is no mutation "${mutation}"; there are ${mutations.join(', ')}`);
  const log = (line: string) => console.log(line);
  log(`seed ${seed}`);
  await using server = await startServer(engine, seed);
  const random = seededRandom('chaos', { seed, quiet: true });
  const report = await runChaos({
    ...server,
    random,
    faces,
    seconds: minutes * 60,
    workers,
    intervalMs,
    mutation,
    log,
  });
  const folder = resolve(options.report);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `chaos-${engine}-${seed}`);
  await writeFile(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(`${path}.md`, pageOf(report));
  const broken = brokenIn(report);
  const idle = notExercisedIn(report);
  for (const line of broken) console.error(`broken: ${line}`);
  for (const line of idle) console.error(`not exercised: ${line}`);
  log(
    `${report.seconds} s, ${report.processes} processes, ${broken.length} invariants broken; report: ${path}.md`,
  );
  if (broken.length > 0 || (idle.length > 0 && minutes >= LONG_MINUTES)) process.exitCode = 1;
}

process.once('SIGINT', () => process.exit(130));
process.exitCode = await run(['chaos', ...process.argv.slice(2)], [async () => ({ register })]);
