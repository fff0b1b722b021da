import { table } from '../support/markdown.ts';
import type { Figure } from '../support/measure.ts';
import type { StepResults } from './results.ts';
import { STEPS } from './systems.ts';

const whole = (value: number) => Math.round(value).toLocaleString('en');
const rate = ({ median, low, high }: Figure) => `${whole(median)} (${whole(low)} to ${whole(high)})`;
const fine = ({ median, low, high }: Figure) =>
  `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
const megabytes = (bytes: number) => `${whole(bytes / 2 ** 20)} MB`;

/** `unclear`: the ranges of the runs reach to both sides of the aim. */
const atLeast = ({ low, high }: Figure, aim: number) => (low >= aim ? 'yes' : high < aim ? 'no' : 'unclear');
const atMost = ({ low, high }: Figure, aim: number) => (high <= aim ? 'yes' : low > aim ? 'no' : 'unclear');

/** The part of docs/performance.md about steps, commands and hand-overs. */
export function stepsPart(results: StepResults): string {
  const { machine, measuredAt, runs, server, load, peers, quick } = results;
  return [
    '## Durable steps, commands and hand-overs',
    `Measured on ${measuredAt.slice(0, 10)} on ${machine.cores} cores (${machine.model}), Node.js ${machine.node.slice(1)}, the embedded ${server} with fsync on, beside DBOS ${peers['DBOS']} and OpenWorkflow ${peers['OpenWorkflow']}, each with a database of its own on that server. Load average ${load[0]} before and ${load[1]} at the end, its own included; where others use the machine compare rows with each other, and with the floor that took turns with them. Medians of ${runs} ${runs === 1 ? 'run' : 'runs'} with their range.${quick ? ' A short run (`--quick`).' : ''}${load[0] > machine.cores ? ' **Other programs had most of the machine then: all rates are far below what it gives alone, and are to be measured again.**' : ''}`,
    aimsPart(results),
    workflowsPart(results),
    commandsPart(results),
    againPart,
  ].join('\n\n');
}

function aimsPart({ counts, steps, commands, operations, starts, parked, drain }: StepResults): string {
  const ours = steps.find(({ system, workers }) => system === 'holdfast' && workers === 8)!;
  const floor = steps.find(({ system, workers }) => system === 'durable one-row insert' && workers === 8)!;
  const counted = counts.find(({ system }) => system === 'holdfast')!;
  const [few, many] = [parked.parked[0]!, parked.parked.at(-1)!];
  const growth = drain.rssAtEnd / drain.rssAtTenth;
  const rows: [aim: string, found: string, met: string][] = [
    [
      'a durable step is one round trip and at most 2 statements',
      `${counted.roundTrips} round trips and ${counted.statements} statements a step, with all that a workflow of ${STEPS} has besides`,
      counted.roundTrips < 2 && counted.statements <= 2 ? 'yes' : 'no',
    ],
    [
      '3,000 steps a second with 8 workers on two cores',
      `${rate(ours.rate)}; ${fine(ours.ofFloor)} of the bare insert's rate`,
      atLeast(ours.rate, 3_000),
    ],
    ...commands
      .filter(({ keepsState }) => keepsState)
      .map(({ isolation, pending, rate: found }): [string, string, string] => [
        `5,000 small commands a second over 1,000 targets (${isolation}, ${pending} pending each)`,
        rate(found),
        atLeast(found, 5_000),
      ]),
    [
      `a backlog of ${whole(drain.commands)} commands drains with flat memory`,
      `at most ${megabytes(drain.rssAtTenth)} until a tenth was done, ${megabytes(drain.rssAtEnd)} until all was, at ${whole(drain.perSecond)} a second`,
      // A process that has just begun grows whatever it does.
      drain.commands < 100_000 ? 'unclear' : growth <= 1.25 ? 'yes' : 'no',
    ],
    [
      'starting 1,000 workflows is one statement',
      `${starts.statements} statements with BEGIN, NOTIFY and COMMIT, ${starts.roundTrips} round trips, ${rate(starts.ms)} ms`,
      starts.statements <= 4 ? 'yes' : 'no',
    ],
    [
      `claim time at ${whole(many.instances)} parked at most 1.3 times that at ${whole(few.instances)}`,
      `${fine(parked.ratio)} times (${fine(many.claimMs)} and ${fine(few.claimMs)} ms)`,
      atMost(parked.ratio, 1.3),
    ],
  ];
  return [
    table(['aim', 'found', 'met'], rows),
    `A hand-over of operations (the end of one and another made READY, one transaction of two round trips): ${rate(operations.rate)} a second with 8 workers, ${rate(operations.walBytes)} bytes of WAL. That an operation's hand-over, and a command's effect and mark, are one transaction each is tested, as are the round trips of each.`,
    reasons(ours, floor, commands),
  ].join('\n\n');
}

/** Where the time goes, as it was measured. */
function reasons(
  ours: StepResults['steps'][number],
  floor: StepResults['steps'][number],
  commands: StepResults['commands'],
): string {
  const us = (one: { readonly serverUs?: Figure; readonly clientUs?: Figure }) =>
    one.serverUs && one.clientUs
      ? `${whole(one.serverUs.median)} µs of the server's processors and ${whole(one.clientUs.median)} of the client's`
      : undefined;
  const step = us(ours);
  const bare = us(floor);
  const [slow, fast] = ['serializable', 'read committed'].map((isolation) =>
    commands.find((one) => one.isolation === isolation && one.pending === 1 && one.keepsState),
  );
  return [
    'Where an aim is not met, or unclear:',
    ...(step && bare
      ? [
          `* A step costs ${step}; a bare insert ${bare}. It proves session and work, changes the instance's row and writes two rows of history.`,
        ]
      : []),
    ...(slow && fast && us(slow) && us(fast)
      ? [
          `* With 1 pending each command is a transaction by itself, of three round trips: ${us(fast)} at read committed.`,
          `* SERIALIZABLE costs ${us(slow)} there: PostgreSQL notes reads by the page of an index, the targets of a small table share few pages, and each batch writes an entry into a page that its neighbors have read, so one of two that run at once is tried again. It stays the default, since only it keeps apart handlers that read what other targets' handlers write; those that write rows of their own target alone need no more than \`isolation: 'read committed'\`.`,
        ]
      : []),
  ].join('\n');
}

function workflowsPart({ counts, steps }: StepResults): string {
  const of = (system: string, workers: number) =>
    steps.find((one) => one.system === system && one.workers === workers)!;
  const rows = counts.map(({ system, statements, roundTrips }) => {
    const [one, eight] = [of(system, 1), of(system, 8)];
    return [
      system,
      rate(one.rate),
      rate(eight.rate),
      fine(eight.ofFloor),
      rate(eight.walBytes),
      eight.serverUs ? rate(eight.serverUs) : '',
      eight.clientUs ? rate(eight.clientUs) : '',
      String(statements),
      String(roundTrips),
    ];
  });
  return [
    '### Workflow steps',
    `Workflows of ${STEPS} steps that do nothing, durable steps a second with so many workflows at once in one client process; counted in each system's own tables while it ran. What a workflow costs besides its steps is in them: its claim, its first intent and its end. DBOS is called directly, without its queue; OpenWorkflow and Holdfast take from a backlog. The other columns are of 8 workers, a step: the rate beside the insert's, bytes of write-ahead log (whole page images included), processor time in microseconds; statements and round trips are counted on the wire with one.`,
    table(
      [
        'system',
        '1 worker',
        '8 workers',
        'of the insert',
        'WAL bytes',
        'server',
        'client',
        'statements',
        'round trips',
      ],
      rows,
    ),
  ].join('\n\n');
}

function commandsPart({ commands }: StepResults): string {
  const rows = commands.map((one) => [
    one.isolation,
    String(one.pending),
    one.keepsState ? 'kept' : 'read before each',
    rate(one.rate),
    rate(one.walBytes),
    one.serverUs ? rate(one.serverUs) : '',
    one.clientUs ? rate(one.clientUs) : '',
  ]);
  return [
    '### Commands',
    'Commands that do one UPDATE of a row of their target, over 1,000 targets, eight at once in one process: commands a second, by the isolation of the queue, by how many of each target are pending when it begins, and by whether the declaration says `keepsState`, so that the state is not read again before each. WAL and processor time a command.',
    table(['isolation', 'pending', 'state', 'a second', 'WAL bytes', 'server', 'client'], rows),
  ].join('\n\n');
}

const againPart = `\`\`\`sh
npm run bench:steps                    # half an hour
npm run bench:steps -- --quick         # some minutes, shorter runs of all
\`\`\`

DBOS and OpenWorkflow are installed in bench/ alone, by the bench itself.`;
