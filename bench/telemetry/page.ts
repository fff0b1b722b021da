import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import { MODES, type Mode } from './modes.ts';
import type { ModeFigures, TelemetryResults } from './results.ts';

/** What it may cost on, of a transaction's time; and off, in a loop that can tell such small things. */
const ON = 0.05;
const OFF = 0.01;

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

/** Nothing measurable: among what two services without telemetry differ by, and nothing to speak of in a loop. */
function unmeasurable({ twin, off, silent }: Readonly<Record<Mode, ModeFigures>>, loopUs: number): string {
  const among = off.cpuOfTime.median <= twin.cpuOfTime.high;
  return among && loopUs < OFF * silent.us.median ? 'yes' : 'no';
}

/** By processor time, which is what telemetry adds; the clock stands beside it, and may say something else. */
function aims({ settings, alone }: TelemetryResults): string {
  const loopUs = (alone.off?.median ?? 0) - (alone.silent?.median ?? 0);
  const row = (aim: string, { cpuOfTime, timeToSilent }: ModeFigures, verdict: string) => [
    aim,
    range(cpuOfTime, percent),
    range(timeToSilent, more),
    verdict,
  ];
  const rows = settings.flatMap(({ what, modes }) => [
    row(`off costs nothing measurable: ${what}`, modes.off, unmeasurable(modes, loopUs)),
    row(`on costs under 5 %: ${what}`, modes.OTLP, met(modes.OTLP.cpuOfTime, ON)),
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
    `A fenced transaction of one statement, one after the other, by services that differ in their telemetry alone: without any in the code (silent, and a twin of it), with it and no provider (off), with metrics alone, with spans that are not sampled, and with all of it sent by OTLP/HTTP. Each is a process of its own, they take turns, and each run has new ones. What silent and its twin differ by is the noise. Measured on ${measuredAt.slice(0, 10)} on ${machine.cores} cores (${machine.model}), Node.js ${machine.node.slice(1)}; load average ${loadBefore} before and ${loadAfter} at the end. Medians of ${runs} runs with their range.`,
    aims(results),
    `The verdict is of processor time; the time by the clock, of which the runs differ by more, often leaves open what it calls met. Off costs nothing measurable where it is among what silent and its twin differ by, and less than 1 % of the transaction in a loop that can tell. Where the aim for on is not met, or unclear (the runs reach to both sides of it), the transaction is short for what is told of it: the SDK's part alone, two spans, three measurements and their export, takes ${us(sdk)} µs in a loop that does nothing else, and several times that between two statements, when the processor has other things in its caches.`,
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
    '```sh\nnpm run bench:telemetry                # half an hour\nnpm run bench:telemetry -- --quick     # one short run; writes nothing\n```',
  ].join('\n\n');
}
