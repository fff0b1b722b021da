/**
 * Checks the model of the fence with Spin: that it holds in every reachable interleaving, and that it is found to be wrong
 * without any one of its parts. docs/model.md reads it beside the SQL.
 *
 * npm run model -- [--quick]
 *
 * --quick: one claim of each session, a seventh of the states. Needs `spin` and a C compiler (`cc`) on PATH; exits 2, and says
 * so, where they are not. Exits 1 when the model is wrong, or when a part that is taken out is not missed.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MODEL = fileURLToPath(new URL('./fence.pml', import.meta.url));

/** What is left out, and of which engine it is a part. */
const PARTS = [
  ['NO_FENCE', 'CockroachDB', 'the read of the session row'],
  ['NO_SEAL', 'PostgreSQL', 'the seal in the message of the COMMIT'],
  ['NO_TOKEN', 'PostgreSQL', 'the token in the proof'],
  ['NO_TOKEN', 'CockroachDB', 'the token in the proof'],
  ['NO_GUARD', 'PostgreSQL', "the guard of a claim's upsert"],
  ['NO_VOID', 'PostgreSQL', 'the number below which claims are void'],
  ['NO_MARKER', 'PostgreSQL', 'the marker of a commit'],
  ['NO_HISTORY', 'PostgreSQL', 'the look at the history after a lost answer'],
] as const;
type Engine = 'PostgreSQL' | 'CockroachDB';

interface Verdict {
  readonly states: number;
  /** What was violated; undefined: nothing. */
  readonly wrong: string | undefined;
}

/** Throws unless the whole model was searched, or an error was found. */
async function check(engine: Engine, defines: readonly string[]): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-model-'));
  try {
    const flags = [...(engine === 'CockroachDB' ? ['COCKROACH'] : []), ...defines].map((name) => `-D${name}`);
    await run('spin', [...flags, '-a', MODEL], { cwd: folder });
    await run('cc', ['-w', '-O2', '-DSAFETY', '-DCOLLAPSE', '-DVECTORSZ=1024', '-o', 'pan', 'pan.c'], {
      cwd: folder,
    });
    // Deep enough, or it says so; at the first error it stops.
    const { stdout } = await run(join(folder, 'pan'), ['-m1000000', '-n'], {
      cwd: folder,
      maxBuffer: 16_000_000,
    }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
    const errors = /errors: (\d+)/.exec(stdout);
    const states = /([\d.e+]+) states, stored/.exec(stdout);
    const isWhole = !/max search depth too small|Search not completed/.test(stdout);
    if (!errors || !states || (errors[1] === '0' && !isWhole))
      throw new Error(`the search was not completed:\n${stdout}`);
    return {
      states: Number(states[1]),
      wrong: errors[1] === '0' ? undefined : (/pan:1: (.*) \(at depth/.exec(stdout)?.[1] ?? 'an error'),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

for (const program of ['spin', 'cc'])
  await run(program, ['--version']).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') return;
    console.error(`model: ${program} is not installed; on Debian: apt-get install spin gcc libc6-dev`);
    process.exit(2);
  });

const quick = process.argv.includes('--quick') ? ['QUICK'] : [];
let failed = false;
for (const engine of ['PostgreSQL', 'CockroachDB'] as const) {
  const { states, wrong } = await check(engine, quick);
  failed ||= wrong !== undefined;
  console.log(`${engine}: ${states} states, ${wrong ? `WRONG: ${wrong}` : 'holds in all of them'}`);
}
for (const [define, engine, what] of PARTS) {
  const { wrong } = await check(engine, [...quick, define]);
  failed ||= wrong === undefined;
  console.log(`${engine} without ${what}: ${wrong ? `found: ${wrong}` : 'NOT FOUND'}`);
}
process.exit(failed ? 1 : 0);
