import type { Executor } from '../../../src/index.ts';
import { rows } from '../../support/sql.ts';
import type { ChaosFace } from './face.ts';
import { POLL_MS } from './process.ts';

/** An invariant after a run. */
export interface CheckedInvariant {
  /** `all`: it holds for every face. */
  readonly face: string;
  readonly name: string;
  /** How often it could have been broken. */
  readonly exercised: number;
  readonly broken: number;
  readonly examples: readonly string[];
}

/** How long after the death of their workers targets were taken over, in milliseconds. */
export interface TakeOvers {
  readonly count: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  /** How many by each upper bound. */
  readonly histogram: Readonly<Record<string, number>>;
}

/** What a run has shown. */
export interface ChaosReport {
  readonly engine: string;
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
  /** Processes that were started. */
  readonly processes: number;
  readonly intervalMs: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly invariants: readonly CheckedInvariant[];
  readonly takeOvers: Readonly<Record<string, TakeOvers>>;
  /** Between two protected transactions of any of the processes. */
  readonly longestPauseMs: number;
  readonly done: Readonly<Record<string, number>>;
}

export const brokenIn = ({ invariants }: ChaosReport) =>
  invariants
    .filter(({ broken }) => broken > 0)
    .map(({ face, name, broken, examples }) => `${face}: ${name}: ${broken}, e.g. ${examples.join(' ')}`);

export const notExercisedIn = ({ invariants, faults }: ChaosReport) => [
  ...invariants.filter(({ exercised }) => exercised === 0).map(({ face, name }) => `${face}: ${name}`),
  ...Object.entries(faults).flatMap(([name, count]) => (count === 0 ? [`fault: ${name}`] : [])),
];

/** From the death of each session that was killed to the take-over of each target that it held, by face. */
export async function takeOversOf(
  on: Executor,
  faces: readonly ChaosFace[],
): Promise<Record<string, TakeOvers>> {
  const found: Record<string, TakeOvers> = {};
  for (const { name, kinds } of faces) {
    const taken = await rows(
      on,
      `SELECT round(extract(epoch FROM e.ended_at - d.at) * 1000)::INT8 FROM holdfast.ended_work AS e
        JOIN chaos_death AS d ON d.session_id = e.session_id
        WHERE e.event = 'abandoned' AND e.kind LIKE $1 ORDER BY 1`,
      kinds,
    );
    const ms = taken.map(([one]) => Number(one));
    if (ms.length === 0) continue;
    const at = (part: number) => ms[Math.min(ms.length - 1, Math.floor(ms.length * part))]!;
    found[name] = {
      count: ms.length,
      medianMs: at(0.5),
      p99Ms: at(0.99),
      mostMs: ms.at(-1)!,
      histogram: histogramOf(ms),
    };
  }
  return found;
}

const BOUNDS_MS = [250, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, Infinity];

function histogramOf(values: readonly number[]): Record<string, number> {
  const counted: [string, number][] = BOUNDS_MS.map((bound, n) => [
    bound === Infinity ? 'more' : `${bound} ms`,
    values.filter((one) => one <= bound && one > (BOUNDS_MS[n - 1] ?? -Infinity)).length,
  ]);
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}

const table = (head: readonly string[], body: readonly (readonly (string | number)[])[]) =>
  [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** The report as a page. */
export function pageOf(report: ChaosReport): string {
  const {
    engine,
    seed,
    seconds,
    workers,
    processes,
    intervalMs,
    faults,
    errors,
    invariants,
    takeOvers,
    longestPauseMs,
    done,
  } = report;
  const broken = brokenIn(report);
  const idle = notExercisedIn(report);
  const most = Math.max(1, ...Object.values(takeOvers).flatMap(({ histogram }) => Object.values(histogram)));
  const bars = Object.entries(takeOvers).flatMap(([face, { histogram }]) =>
    Object.entries(histogram).map(([bound, count]) => [
      face,
      bound,
      count,
      '#'.repeat(Math.ceil((count / most) * 40)),
    ]),
  );
  return `# Chaos on ${engine}, seed ${seed}

${broken.length === 0 ? 'No invariant was broken.' : `**${broken.length} invariants were broken.**`} ${seconds} s with ${workers} workers at a time
(${processes} processes in all), sessions of ${intervalMs} ms.
The longest time in which no process committed anything was ${longestPauseMs} ms.
${broken.map((line) => `\n* ${line}`).join('')}
## Invariants

${table(
  ['face', 'invariant', 'exercised', 'broken'],
  invariants.map(({ face, name, exercised, broken: count }) => [face, name, exercised, count]),
)}
${idle.length === 0 ? '' : `\nNot exercised: ${idle.join('; ')}.\n`}
## Faults

${table(['fault', 'times'], Object.entries(faults))}

## Take-overs

From the death of a worker to the take-over of what it held. A worker's death is found out when its session's interval is
over, and then by the next look (${POLL_MS} ms); a target whose holders died before waits 2 s more, 4 s more, and so on.

${table(
  ['face', 'take-overs', 'median ms', '99 % ms', 'most ms'],
  Object.entries(takeOvers).map(([face, { count, medianMs, p99Ms, mostMs }]) => [
    face,
    count,
    medianMs,
    p99Ms,
    mostMs,
  ]),
)}

${table(['face', 'up to', 'take-overs', ''], bars)}

## Work done

${table(['what', 'how much'], Object.entries(done))}

## Errors that programs were told of

${table(['error', 'times'], Object.entries(errors))}
`;
}
