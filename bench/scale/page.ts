import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import type { Curve, ScaleResults } from './results.ts';

const number = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const shown = ({ median, low, high }: Figure) => `${number(median)} (${number(low)} to ${number(high)})`;

/** The part of docs/scale.md that is measured. */
export function scalePart(results: ScaleResults): string {
  const { machine, measuredAt, runs, server, load, quick } = results;
  return [
    `Measured on ${measuredAt.slice(0, 10)} by \`npm run bench:scale\` on ${machine.cores} cores (${machine.model}), ${machine.memoryGb} GB, Node.js ${machine.node.slice(1)}, the embedded ${server} with fsync on, client and server on the same machine. Load average ${load[0]} before and ${load[1]} at the end, its own included. Medians of ${runs} ${runs === 1 ? 'run' : 'runs'} with their range; all sizes of a table take turns.${quick ? ' A short run (`--quick`).' : ''} Compare rows with each other, not with other machines.`,
    ...results.curves.map(curvePart),
  ].join('\n\n');
}

const curvePart = ({ title, of, columns, rows }: Curve) =>
  `### ${title}\n\n${table(
    [of, ...columns],
    rows.map(({ size, figures }) => [size.toLocaleString('en'), ...figures.map(shown)]),
  )}`;
