/** The last page of the demo, as text. */
import { styleText } from 'node:util';
import type { Outcome } from './checks.ts';
import { TAKE_OVER_BOUND_MS } from './settings.ts';

export const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

export function printOutcome(outcome: Outcome, elapsedMs: number): void {
  console.log('');
  console.log('take-over (promised: the session interval plus one poll)');
  for (const line of takeOverLines(outcome)) console.log(line);
  if (outcome.takeOvers.some(({ afterMs }) => afterMs > TAKE_OVER_BOUND_MS))
    console.log(
      '  later than promised: this host, or its database, is too slow or too busy for these figures',
    );
  console.log('');
  for (const [name, value] of outcome.figures) console.log(`  ${name.padEnd(18)} ${value}`);
  console.log('');
  for (const { what, failure } of outcome.checks)
    console.log(
      failure === undefined
        ? `  ${styleText('green', 'ok')}      ${what}`
        : `  ${styleText('red', 'FAILED')}  ${what}: ${failure}`,
    );
  console.log(`\n${seconds(elapsedMs)} in all, everything stopped`);
}

/** One line for each component that was killed: how many pieces of work, how soon taken over. */
function takeOverLines({ takeOvers }: Outcome): string[] {
  const components = [...new Set(takeOvers.map(({ from }) => from))];
  return components.map((from) => {
    const own = takeOvers.filter((takeOver) => takeOver.from === from);
    const slowestMs = Math.max(...own.map(({ afterMs }) => afterMs));
    const lateMs = slowestMs - TAKE_OVER_BOUND_MS;
    const count = own.length === 1 ? `work on ${own[0]!.machine}` : `work on ${own.length} machines`;
    const verdict = lateMs <= 0 ? 'within' : `${seconds(lateMs)} later than`;
    return `  ${from.padEnd(18)} ${count} taken over ${seconds(slowestMs)} after SIGKILL, ${verdict} ${seconds(TAKE_OVER_BOUND_MS)}`;
  });
}
