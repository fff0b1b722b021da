import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import type { PhaseFigures, SizeFigures, SyncResults } from './results.ts';

const number = (value: number) => Math.round(value).toLocaleString('en-US');
const ranged = (figure: Figure, show: (value: number) => string) =>
  figure.runs === 1
    ? show(figure.median)
    : `${show(figure.median)} (${show(figure.low)} to ${show(figure.high)})`;
const times = (value: number) => value.toFixed(2);

/** What reaches to both sides of a limit is not clear. */
const atLeast = ({ low, high }: Figure, limit: number) =>
  low >= limit ? 'yes' : high < limit ? 'no' : 'unclear';
const atMost = ({ low, high }: Figure, limit: number) =>
  high <= limit ? 'yes' : low > limit ? 'no' : 'unclear';

function aims(sizes: readonly SizeFigures[]): string {
  const rows: string[][] = sizes.flatMap(({ items, firstToFloor, sameToFirst }) => [
    [
      `first sync of ${number(items)} at least 0.6 of the floor`,
      ranged(firstToFloor, times),
      atLeast(firstToFloor, 0.6),
    ],
    [
      `sync of ${number(items)} again at least 5 times as fast as the first`,
      ranged(sameToFirst, times),
      atLeast(sameToFirst, 5),
    ],
  ]);
  const [small, large] = [10_000, 1_000_000].map(
    (size) => sizes.find(({ items }) => items === size)?.first.memoryMb,
  );
  if (small && large) {
    const ratio = {
      ...large,
      median: large.median / small.median,
      low: large.low / small.high,
      high: large.high / small.low,
    };
    rows.push([
      'memory at a million at most 1.3 times that at ten thousand',
      ranged(ratio, times),
      atMost(ratio, 1.3),
    ]);
  }
  const change = sizes.find(({ items }) => items === 100_000)?.changeRows;
  if (change)
    rows.push([
      'one per cent of 100,000 changed: about 1,000 items are written (4 rows new, 1 removed, 1 dropped each)',
      `${ranged(change, number)} rows`,
      atMost(change, 7_000),
    ]);
  return table(['aim', 'found', 'met'], rows);
}

/** Why an aim is not met. */
function reasons(sizes: readonly SizeFigures[]): string {
  const [middle, large] = [100_000, 1_000_000].map(
    (size) => sizes.find(({ items }) => items === size)?.first.memoryMb.median,
  );
  const memory =
    middle && large
      ? ` A process that syncs ten thousand items ends before its heap has the size at which it stays: from 100,000 to a million memory grows ${times(large / middle)} times.`
      : '';
  return `Where one is not met: a sync is about ten transactions however few its items are, and it asks what is there before it writes, which the floor does not; each item is checked, digested and encoded by the client, whose processor time (50 to 80 µs an item the first time, 25 again) is most of the time where the server is quick.${memory}`;
}

/** The part of docs/performance.md that is about declarative sync. */
export function syncPart({
  sizes,
  machine,
  server,
  measuredAt,
  runs,
  loadBefore,
  loadAfter,
}: SyncResults): string {
  const phase = (name: string, figures: PhaseFigures | undefined) =>
    figures
      ? [
          [
            name,
            ranged(figures.rate, number),
            ranged(figures.statements, number),
            ranged(figures.memoryMb, number),
          ],
        ]
      : [];
  const rows = sizes.flatMap((one) =>
    [
      ...phase('floor', one.floor),
      ...phase('first sync', one.first),
      ...phase('again, nothing new', one.same),
      ...phase('again, 1 % changed', one.change),
      ...phase('everything goes', one.removal),
      ...phase('floor of that', one.removalFloor),
      ...phase('first sync, with files of 1 kB', one.artifacts),
    ].map((cells, at) => [at === 0 ? number(one.items) : '', ...cells]),
  );
  return [
    '## Declarative sync',
    `Content with one file each, metadata of three members, on demand; a batch is 500 to 1,000 items. The floor is the bare driver, which writes the same rows of the same tables with one unnest a table and 1,000 items, one transaction each, and asks for nothing. Statements are those that do something; each transaction has three more. Each process has done 5,000 other items before. Memory is the most that the process had. Measured on ${measuredAt.slice(0, 10)} on ${machine.cores} cores (${machine.model}), Node.js ${machine.node.slice(1)}, ${server}; load average ${loadBefore} before and ${loadAfter} at the end. Medians of ${runs} runs with their range; a million items ran once.`,
    aims(sizes),
    reasons(sizes),
    table(['items', 'what', 'items a second', 'statements', 'MB'], rows),
    '```sh\nnpm run bench:sync                # half an hour\nnpm run bench:sync -- --quick     # one short run; writes nothing\n```',
  ].join('\n\n');
}
