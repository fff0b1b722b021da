import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import { MODES } from './modes.ts';
import type { SettingFigures, TelemetryResults } from './results.ts';

const us = ({ median }: Figure) => (median < 10 ? median.toFixed(1) : String(Math.round(median)));
const range = (figure: Figure, show: (value: number) => string) =>
  figure.runs === 1
    ? show(figure.median)
    : `${show(figure.median)} (${show(figure.low)} to ${show(figure.high)})`;
const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
const more = (value: number) => percent(value - 1);

/** Of processor time, which the machine's other guests disturb least: none more than silent's, or under 5 %. */
function met(figure: Figure, limit: number): string {
  return figure.high < limit ? 'yes' : figure.low > limit ? 'no' : 'unclear';
}

function aims(settings: readonly SettingFigures[]): string {
  const rows = settings.flatMap(({ what, modes: { off, OTLP } }) => [
    [
      `off costs nothing measurable: ${what}`,
      range(off.timeToSilent, more),
      off.timeToSilent.low <= 1 ? 'yes' : 'no',
    ],
    [`on costs under 5 %: ${what}`, range(OTLP.timeToSilent, more), met(OTLP.timeToSilent, 1.05)],
  ]);
  return table(['aim', 'found: time beyond silent', 'met'], rows);
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
    'Without a database, in a loop that does nothing else, microseconds of processor time a transaction; beside it what it asks of the SDK, two spans and three measurements, called by hand:',
    table([...MODES, 'the SDK by hand, OTLP'], [[...inLoop, us(sdk)]]),
    '```sh\nnpm run bench:telemetry                # a quarter of an hour\nnpm run bench:telemetry -- --quick     # one short run; writes nothing\n```',
  ].join('\n\n');
}
