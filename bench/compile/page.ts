import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import type { CompileResults } from './results.ts';

const show = ({ median, low, high, runs }: Figure) =>
  runs === 1 ? median.toFixed(2) : `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
const whole = (value: number) => value.toLocaleString('en');

interface Aim {
  readonly what: string;
  readonly figure: Figure | undefined;
  readonly atMost: number;
}

function aims({ corpora }: CompileResults): string {
  const of = (queries: number) => corpora.find((corpus) => corpus.queries === queries);
  const all: Aim[] = [
    {
      what: '1,000 queries cold, the whole command beyond starting the engine',
      figure: of(1_000)?.coldRunning,
      atMost: 1.5,
    },
    {
      what: '10,000 queries cold, the whole command beyond starting the engine',
      figure: of(10_000)?.coldRunning,
      atMost: 12,
    },
    { what: '1,000 queries unchanged, the whole command', figure: of(1_000)?.unchanged, atMost: 0.3 },
  ];
  const rows = all.flatMap(({ what, figure, atMost }) => {
    if (!figure) return [];
    const met = figure.high <= atMost ? 'yes' : figure.low > atMost ? 'no' : 'unclear';
    return [[`${what}: at most ${atMost} s`, `${show(figure)} s`, met]];
  });
  return table(['aim', 'found', 'met'], rows);
}

/** The part of docs/performance.md that is about the compiler. */
export function compilingPart(results: CompileResults): string {
  const { corpora, floors, machine, measuredAt, loadBefore, loadAfter, server } = results;
  const pgtyped = corpora.find((corpus) => corpus.pgtyped)?.pgtyped;
  const row = (what: string, pick: (corpus: (typeof corpora)[number]) => Figure | undefined) => [
    what,
    ...corpora.map((corpus) => {
      const found = pick(corpus);
      return found ? show(found) : '';
    }),
  ];
  const rows = [
    row(
      'cold: from reading the configuration to the last module, in a process that runs',
      ({ cold }) => cold,
    ),
    row('bare Parse + Describe of the same statements, one connection', ({ bare }) => bare),
    ...(pgtyped ? [row(`pgtyped ${pgtyped.version}`, (corpus) => corpus.pgtyped?.seconds)] : []),
    row('the command, cold, engine running (`--url`)', ({ coldRunning }) => coldRunning),
    row('the command, cold, with its engine', ({ coldCommand }) => coldCommand),
    row('the command, unchanged: no engine is started', ({ unchanged }) => unchanged),
    row('the command, one query changed, engine running (`--url`)', ({ oneChanged }) => oneChanged),
    row('the command, one query changed, with its engine', ({ oneChangedCommand }) => oneChangedCommand),
  ];
  return [
    '## Compiling',
    `Seconds for a corpus of selects, joins, inserts, updates, aggregates and CTEs over 20 tables, 50 queries a file; schema, proofs and lints included. Measured on ${measuredAt.slice(0, 10)} on ${machine.cores} cores (${machine.model}), Node.js ${machine.node.slice(1)}, the embedded ${server}; load average ${loadBefore} before and ${loadAfter} at the end. Medians with their range; pgtyped ran once. "The command" is a process of the built package from start to end.`,
    aims(results),
    table(['', ...corpora.map(({ queries }) => `${whole(queries)} queries`)], rows),
    `Floors: a Node.js process that does nothing takes ${show(floors.node)} s, starting the embedded PostgreSQL ${show(floors.engineStart)} s.`,
    '```sh\nnpm run bench:compile                  # some minutes, most of them pgtyped\nnpm run bench:compile -- --quick       # 1,000 queries without pgtyped; writes nothing\n```',
    'pgtyped is installed in bench/compile alone, by the bench itself.',
  ].join('\n\n');
}
