import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import { MODES } from './modes.ts';
import type { ModeFigures, SettingFigures, TelemetryResults } from './results.ts';

/** Less than that is nothing; where the runs differ by more than that, they cannot say. */
const MEASURABLE = 0.01;

const us = ({ median }: Figure) => (median < 10 ? median.toFixed(1) : String(Math.round(median)));
const range = (figure: Figure, show: (value: number) => string) =>
  figure.runs === 1
    ? show(figure.median)
    : `${show(figure.median)} (${show(figure.low)} to ${show(figure.high)})`;
const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
const more = (value: number) => percent(value - 1);

/** What reaches to both sides of a limit is not clear. */
function met({ high, low }: Figure, limit: number): string {
  return high < limit ? 'yes' : low > limit ? 'no' : 'unclear';
}

/** By processor time, which is what telemetry adds; the clock stands beside it, and may say something else. */
function aims(settings: readonly SettingFigures[]): string {
  const row = (aim: string, { cpuOfTime, timeToSilent }: ModeFigures, verdict: string) => [
    aim,
    range(cpuOfTime, percent),
    range(timeToSilent, more),
    verdict,
  ];
  const rows = settings.flatMap(({ what, modes: { off, OTLP } }) => [
    row(`off costs nothing measurable: ${what}`, off, met(off.cpuOfTime, MEASURABLE)),
    row(`on costs under 5 %: ${what}`, OTLP, met(OTLP.cpuOfTime, 0.05)),
  ]);
  return table(['aim', 'processor time beyond silent, of its time', 'time beyond silent', 'met'], rows);
}

/** The part of docs/performance.md that is about telemetry. */
export function telemetryPart(results: TelemetryResults): string {
  const { alone, loadAfter, loadBefore, machine, measuredAt, runs, sdk, settings } = results;
  const rows = settings.flatMap(({ what, floorUs, modes }) =>
    MODES.map((mode, at) => [
      at === 0 ? `${what} (bare driver ${us(floorUs)} µs)` : '',
      mode,
      us(modes[mode].us),
      us(modes[mode].cpuUs),
      mode === 'silent' ? '' : range(modes[mode].timeToSilent, more),
      mode === 'silent' ? '' : range(modes[mode].cpuOfTime, percent),
    ]),
  );
  const inLoop = MODES.map((mode) => (alone[mode] ? us(alone[mode]) : ''));
  return [
    '## Telemetry',
    `A transaction of one statement, one client after the other, by services that differ in their telemetry alone: without any in the code (silent), with it and no provider (off), with metrics alone, with spans that are not sampled, and with all of it sent by OTLP/HTTP. Each is a process of its own, they take turns, and each run has new ones. Measured on ${measuredAt.slice(0, 10)} on ${machine.cores} cores (${machine.model}), Node.js ${machine.node.slice(1)}; load average ${loadBefore} before and ${loadAfter} at the end. Medians of ${runs} runs with their range.`,
    aims(settings),
    `The verdict is of processor time, with 1 % for "nothing"; the time by the clock, of which the runs differ by more, often leaves open what it calls met. Where the aim is not met, or unclear (the runs reach to both sides of it), the transaction is shorter than what is told of it: the SDK's part alone, two spans, three measurements and their export, takes ${us(sdk)} µs in a loop that does nothing else, and more between two statements, when the processor has other things in its caches.`,
    table(
      [
        'transaction',
        'telemetry',
        'µs',
        'µs of processor',
        'time beyond silent',
        'processor time beyond silent, of its time',
      ],
      rows,
    ),
    'Without a database, in a loop that does nothing else, microseconds of processor time a transaction; beside it what it asks of the SDK, two spans and three measurements, called by hand. Here off can be told from silent:',
    table([...MODES, 'the SDK by hand, OTLP'], [[...inLoop, us(sdk)]]),
    '```sh\nnpm run bench:telemetry                # a quarter of an hour\nnpm run bench:telemetry -- --quick     # one short run; writes nothing\n```',
  ].join('\n\n');
}
