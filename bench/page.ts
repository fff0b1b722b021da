import { compilingPart } from './compile/page.ts';
import type { CompileResults } from './compile/results.ts';
import type { Results } from './results.ts';
import type { QueueFigures } from './sections/queues.ts';
import { stepsPart } from './steps/page.ts';
import type { StepResults } from './steps/results.ts';
import { table } from './support/markdown.ts';
import type { Figure } from './support/measure.ts';
import { syncPart } from './sync/page.ts';
import type { SyncResults } from './sync/results.ts';
import { telemetryPart } from './telemetry/page.ts';
import type { TelemetryResults } from './telemetry/results.ts';

const whole = (value: number) => Math.round(value).toLocaleString('en');
const rate = ({ median, low, high }: Figure) => `${whole(median)} (${whole(low)} to ${whole(high)})`;
const fine = ({ median, low, high }: Figure) =>
  `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** docs/performance.md, from the results that there are, of whichever bench. */
export function page(
  results: Results | undefined,
  compiling?: CompileResults,
  telemetry?: TelemetryResults,
  sync?: SyncResults,
  steps?: StepResults,
): string {
  const parts = [
    '# Performance',
    'Written by `npm run bench`, `npm run bench:steps`, `npm run bench:sync`, `npm run bench:telemetry` and `npm run bench:compile` from bench/results; not edited by hand.',
    ...(results ? runtimeParts(results) : []),
    steps ? stepsPart(steps) : '',
    sync ? syncPart(sync) : '',
    telemetry ? telemetryPart(telemetry) : '',
    compiling ? compilingPart(compiling) : '',
    results ? how : '',
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function runtimeParts(results: Results): string[] {
  const { machine, server, runs, measuredAt, loadBefore, loadAfter } = results;
  return [
    `Measured on ${measuredAt.slice(0, 10)} on ${machine.cores} cores (${machine.model}), ${machine.memoryGb} GB, Node.js ${machine.node.slice(1)}, the embedded ${server} with fsync on, client and server on the same machine. Load average of the last minute: ${loadBefore} before it began, ${loadAfter} at its end (its own included); compare rows with each other, not with other machines. Medians of ${runs} runs with their range; what stands in one table took turns. ${databases}${measuredAt < '2026-11-26' ? ' These figures are of the code before claims and ends became one mechanism; they are to be measured again.' : ''}`,
    aims(results),
    floorsPart(results),
    transactionsPart(results),
    loopsPart(results),
    queuesPart(results),
    claimsPart(results),
    costsPart(results),
    statementsPart(results),
    cockroachPart(results),
    zombiePart(results),
  ];
}

const databases =
  'Each system has a database of its own on that server, READ COMMITTED by default as the other two expect.';

interface Aim {
  readonly what: string;
  readonly found: string;
  /** `unclear`: the ranges of the runs reach to both sides of it. */
  readonly met: 'yes' | 'no' | 'unclear';
  readonly why?: string;
}

/** `low` to `high` is what was found; at most `limit` is wanted. */
const verdict = (low: number, high: number, limit: number) =>
  high <= limit ? 'yes' : low > limit ? 'no' : 'unclear';

const PLAIN = 'plain, SERIALIZABLE';

/** Where the time of a fenced transaction goes beside the plain one's, as it was measured. */
function transactionCost(
  ms: Readonly<Record<string, Figure>>,
  clientUs: Readonly<Record<string, Figure>> | undefined,
): string {
  const [plain, unfenced, fenced] = [ms[PLAIN], ms['unfenced'], ms['fenced']];
  if (!plain || !unfenced || !fenced) return 'what it costs apart was not measured in this run';
  const us = (figure: Figure | undefined) => whole(figure?.median ?? 0);
  const took = (figure: Figure) => whole(figure.median * 1_000);
  return [
    `${took(plain)} µs plain, ${took(unfenced)} unfenced, ${took(fenced)} fenced`,
    ...(clientUs
      ? [
          `of these ${us(clientUs[PLAIN])}, ${us(clientUs['unfenced'])} and ${us(clientUs['fenced'])} µs are the client's processor time (retries, deadlines, telemetry hooks), the rest the server's and the network's`,
        ]
      : []),
  ].join('; ');
}

/** What a job costs beside graphile-worker's, as it was measured. */
function jobCost(costs: Results['costs'], batch: number, system: string): string {
  const of = (name: string) => costs?.find((cost) => cost.batch === batch && cost.system === name);
  const [ours, theirs] = [of(system), of('graphile-worker')];
  if (!ours || !theirs) return 'what a job costs was not measured in this run';
  const said = ({ walBytes, serverUs, clientUs }: typeof ours) =>
    [
      `${whole(walBytes.median)} bytes of WAL`,
      ...(serverUs ? [`${whole(serverUs.median)} µs of the server's processors`] : []),
      ...(clientUs ? [`${whole(clientUs.median)} µs of the client's`] : []),
    ].join(', ');
  return `a job costs ${said(ours)}; graphile-worker's ${said(theirs)}. Holdfast writes the lock row twice, a row of history and the job, and keeps all but the job's waiting; graphile-worker updates the job and deletes it, and goes on to the next job without waiting for that`;
}

const at = (
  queues: readonly QueueFigures[],
  system: string,
  batch: number,
  backlog: number,
  workers: number,
) =>
  queues.find(
    (q) => q.system === system && q.batch === batch && q.backlog === backlog && q.workers === workers,
  );

function aims({ transactions, queues, costs, cockroach }: Results): string {
  const found: Aim[] = [];
  for (const { driver, delayMs, fencedToPlain, ms, clientUs } of transactions ?? [])
    found.push({
      what: `fenced transaction no slower than the driver's plain serializable one (${driver}, ${delayMs} ms)`,
      found: `${fine(fencedToPlain)} times its time`,
      met: verdict(fencedToPlain.low, fencedToPlain.high, 1),
      why: `fenced transaction on ${driver}: one round trip fewer, two statements more (fence and seal); ${transactionCost(ms, clientUs)}`,
    });
  if (queues) {
    const backlogs = [...new Set(queues.map((q) => q.backlog))];
    for (const backlog of backlogs)
      for (const workers of [1, 8, 24]) {
        const theirs = at(queues, 'graphile-worker', 1, backlog, workers);
        const fused = at(queues, 'holdfast, fused', 1, backlog, workers);
        const shared = at(queues, 'holdfast, shared', 1, backlog, workers);
        const plain = at(queues, 'holdfast', 1, backlog, workers);
        if (!theirs || !fused || !plain) continue;
        const ratio = fused.rate.median / theirs.rate.median;
        found.push({
          what: `one by one as fast as graphile-worker (${whole(backlog)} waiting, ${workers} workers)`,
          found: [
            `${ratio.toFixed(2)} times its rate fused`,
            `${(plain.rate.median / theirs.rate.median).toFixed(2)} times with two commits`,
            ...(shared ? [`${(shared.rate.median / theirs.rate.median).toFixed(2)} times shared`] : []),
          ].join(', '),
          met: verdict(theirs.rate.low / fused.rate.high, theirs.rate.high / fused.rate.low, 1),
          why: `one by one: ${jobCost(costs, 1, 'holdfast, fused')}`,
        });
      }
    const batched = queues.filter((q) => q.batch > 1 && q.system.startsWith('holdfast'));
    const best = batched.reduce<QueueFigures | undefined>(
      (a, b) => (a && a.rate.median >= b.rate.median ? a : b),
      undefined,
    );
    if (best)
      found.push({
        what: 'batched at least 20,000 a second',
        found: `${whole(best.rate.median)} a second at best (${best.system}, ${best.workers} workers, ${whole(best.backlog)} waiting)`,
        met: verdict(20_000 / best.rate.high, 20_000 / best.rate.low, 1),
        why: `batched: ${jobCost(costs, Math.max(...batched.map((q) => q.batch)), best.system)}`,
      });
    const [small, large] = [
      at(queues, 'holdfast', 1, Math.min(...backlogs), 1),
      at(queues, 'holdfast', 1, Math.max(...backlogs), 1),
    ];
    if (small?.claimMs && large?.claimMs && small !== large) {
      const ratio = large.claimMs.median / small.claimMs.median;
      found.push({
        what: `claim time at ${whole(large.backlog)} waiting at most 1.3 times that at ${whole(small.backlog)}`,
        found: `${ratio.toFixed(2)} times (${fine(large.claimMs)} ms and ${fine(small.claimMs)} ms)`,
        met: verdict(large.claimMs.low / small.claimMs.high, large.claimMs.high / small.claimMs.low, 1.3),
        why: 'claim time: the runs differ among themselves by more than the aim allows',
      });
    }
  }
  const [one, many] = [cockroach?.rates[0], cockroach?.rates.at(-1)];
  if (cockroach && one && many)
    found.push({
      what: `no fewer claims a second with ${many.clients} clients than with one (${cockroach.version})`,
      found: `${rate(many.rate)} and ${rate(one.rate)} a second`,
      met: verdict(one.rate.low / many.rate.high, one.rate.high / many.rate.low, 1),
    });
  if (found.length === 0) return '';
  const rows = found.map((aim) => [aim.what, aim.found, aim.met]);
  const reasons = [...new Set(found.filter(({ met }) => met !== 'yes').map(({ why }) => why))].filter(
    Boolean,
  );
  return [
    '## Aims',
    table(['aim', 'found', 'met'], rows),
    reasons.length > 0
      ? `"unclear": the ranges of the runs reach to both sides of the aim. Where one is not met, or unclear:\n\n${reasons.map((why) => `* ${why}`).join('\n')}`
      : '',
  ]
    .filter(Boolean)
    .join('\n\n');
}

function floorsPart({ floors }: Results): string {
  if (!floors) return '';
  const rows = floors.map((floor) => [floor.what, String(floor.clients), rate(floor.rate)]);
  return `## Floors\n\nWhat the bare driver (pg, prepared statements) gets from the server.\n\n${table(['statement', 'clients', 'a second'], rows)}`;
}

function transactionsPart({ transactions }: Results): string {
  if (!transactions) return '';
  const kinds = Object.keys(transactions[0]!.ms);
  const rows = kinds.map((kind) => [
    kind,
    ...transactions.map((t) => fine(t.ms[kind]!)),
    transactions[0]!.roundTrips[kind]?.toString() ?? '3',
  ]);
  const head = [
    'transaction',
    ...transactions.map((t) => `${t.driver === 'pg' ? 'pg' : 'postgres.js'}, ${t.delayMs} ms`),
    'round trips',
  ];
  return [
    '## Transactions',
    "Milliseconds for one update of one row by primary key, one client, with 0 and 2 ms of network delay a round trip (added by a proxy). Plain is the driver's own: `BEGIN`, statement, `COMMIT` with pg, `sql.begin` with postgres.js. Ours are SERIALIZABLE; the single statement is one implicit statement at READ COMMITTED.",
    table(head, rows),
  ].join('\n\n');
}

function costsPart({ costs }: Results): string {
  if (!costs) return '';
  const rows = costs.map((cost) => [
    cost.system,
    String(cost.batch),
    rate(cost.walBytes),
    cost.serverUs ? rate(cost.serverUs) : '',
    cost.clientUs ? rate(cost.clientUs) : '',
  ]);
  return `## What a job costs\n\nWith 8 workers and 10,000 waiting: bytes of write-ahead log (whole page images included), processor time of server and client in microseconds.\n\n${table(['system', 'jobs a claim', 'WAL bytes', 'server', 'client'], rows)}`;
}

function cockroachPart({ cockroach }: Results): string {
  const head = '## CockroachDB';
  if (!cockroach)
    return `${head}\n\nNot measured in this run: there was no \`cockroach\` on PATH, and COCKROACH_URL was not set.`;
  const rows = cockroach.rates.map(({ clients, rate: found }) => [String(clients), rate(found)]);
  return `${head}\n\nClaim and finish one by one, jobs a second, on ${cockroach.version}, ${cockroach.store}.\n\n${table(['clients', 'a second'], rows)}`;
}

function queuesPart({ queues }: Results): string {
  if (!queues) return '';
  const sharing = queues.some(({ system }) => system === 'holdfast, shared')
    ? '; "shared" is one statement for all workers of the process that wait for the same, each of which takes and finishes one job at a time'
    : '';
  const parts = [
    '## Queues',
    `Claim and finish, jobs a second, in one client process. Each job of Holdfast is fenced and leaves its history ([work](work.md#claims-in-one-statement) tells how); "fused" finishes the last and claims the next in one commit${sharing}. A job counts when its completion was answered. Before each run every database is vacuumed and analyzed. The queue holds the backlog and, on top, what the run takes.`,
  ];
  for (const batch of [...new Set(queues.map((q) => q.batch))]) {
    const own = queues.filter((q) => q.batch === batch);
    const backlogs = [...new Set(own.map((q) => q.backlog))];
    for (const backlog of backlogs) {
      const rows = [...new Set(own.map((q) => q.system))].map((system) => [
        system,
        ...[1, 8, 24].map((workers) => {
          const found = at(own, system, batch, backlog, workers);
          return found ? rate(found.rate) : '';
        }),
      ]);
      parts.push(
        `### ${batch === 1 ? 'One by one' : `${batch} at a time`}, ${whole(backlog)} waiting`,
        table(['system', '1 worker', '8 workers', '24 workers'], rows),
      );
    }
  }
  return parts.join('\n\n');
}

function loopsPart({ loops }: Results): string {
  if (!loops) return '';
  const shapes = [...new Set(loops.rates.map(({ replicas, parallel }) => `${replicas} x ${parallel}`))];
  const rows = [...new Set(loops.rates.map(({ system }) => system))].map((system) => {
    const own = loops.rates.filter((one) => one.system === system);
    const wal = own.find(({ replicas, parallel }) => replicas === 1 && parallel === 8)?.walBytes;
    return [system, ...own.map((one) => rate(one.rate)), wal ? rate(wal) : ''];
  });
  const idle = loops.pickUp.map(({ system, ms }) => [system, rate(ms)]);
  return [
    '## Loops',
    `Each system's own runner with a handler that does one UPDATE: jobs a second whose end was committed, over ${loops.seconds} s; replicas, each a process of its own, x jobs handled at once in each. "no history": the kind keeps no history of successes. "function": candidates come from a function. "best": graphile-worker with its local queue and batched completions, pg-boss with batches of 20 fetched without a pause; the others have default options. Bytes of WAL a job are at 1 x 8. Load average ${loops.load[0]} before, ${loops.load[1]} after.`,
    table(['runner', ...shapes, 'WAL bytes'], rows),
    'Milliseconds from the commit of a job to its handler, where there was nothing to do, default options.',
    table(['runner', 'ms'], idle),
  ].join('\n\n');
}

function claimsPart({ claims }: Results): string {
  if (!claims) return '';
  const { steps, updates, among } = claims;
  const rows = among.map(({ what, claim, end }) => [what, fine(claim), fine(end)]);
  return [
    '## Steps, and claims among others',
    `A \`:step\` proves session and token, makes its change and keeps the work, in one statement: ${rate(steps)} a second with 8 workers of one process; their UPDATEs of one row alone, each on a connection of its own: ${rate(updates)}.`,
    'Milliseconds of one worker, one job at a time: the median, and the range without the fastest and the slowest tenth.',
    table(['what else is there', 'claim', 'end'], rows),
    'A snapshot that is held open (a dump, a long report, a forgotten transaction) keeps the server from cleaning up the versions of rows that claims and ends leave, and every claim passes over those of the jobs before it. Let long reads run on a replica, and watch for old transactions.',
  ].join('\n\n');
}

function statementsPart({ statements }: Results): string {
  if (!statements) return '';
  const rows = statements.map((s) => [
    s.system,
    String(s.batch),
    String(s.statementsPerJob),
    String(s.roundTripsPerJob),
  ]);
  return `## Statements a job\n\nCounted on the wire with one worker, BEGIN and COMMIT included.\n\n${table(['system', 'jobs a claim', 'statements', 'round trips'], rows)}`;
}

function zombiePart({ zombie }: Results): string {
  if (!zombie) return '';
  const rows = zombie.map((z) => [z.system, z.completedLostJob ? 'yes' : 'no', z.seen]);
  return `## The zombie\n\nA worker stalls, its lock runs out, another worker takes the job over; then the first wakes up and completes it while the second is at work.\n\n${table(['system', 'completed a job that it had lost', 'seen'], rows)}`;
}

const how = `## Again

\`\`\`sh
npm run bench                          # everything; about a quarter of an hour
npm run bench -- --quick               # a look; writes nothing
npm run bench -- --only queues         # a part; writes nothing
npm run bench -- --page                # this page from the results again
\`\`\`

graphile-worker and pg-boss are installed in bench/ alone, by the bench itself.`;
