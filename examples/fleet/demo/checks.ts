/** What must be true when the story has ended, asked of the database and of the operating system. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../../src/index.ts';
import { findAgent, listEpochs } from '../src/provider/agent-directory.ts';
import {
  finishedPerMachine,
  overlappingWork,
  type TakeOversRow,
  takeOvers,
  workCounts,
} from '../src/queries/audit.ts';
import { getHardwareReport } from '../src/queries/machines.ts';
import { readFleet } from './fleet-view.ts';
import type { Killed } from './supervisor.ts';

export interface TakeOver {
  readonly from: string;
  readonly machine: string;
  readonly kind: string;
  readonly afterMs: number;
}

export interface Outcome {
  /** Each is true or a failure of the demo. */
  readonly checks: readonly { readonly what: string; readonly failure: string | undefined }[];
  readonly takeOvers: readonly TakeOver[];
  readonly figures: readonly (readonly [name: string, value: string])[];
}

export async function checkOutcome(
  db: Database,
  options: {
    readonly since: Date;
    readonly machines: readonly string[];
    readonly directory: string;
    readonly killed: readonly Killed[];
  },
): Promise<Outcome> {
  const { since, killed } = options;
  const { machines } = await readFleet(db);
  const read = await db.transact(
    async (tx) => {
      const [overlaps, initialized, taken, counts, hardware] = await Promise.all([
        overlappingWork(tx),
        finishedPerMachine(tx, { kind: 'FleetInitialize', since }),
        takeOvers(tx, { since }),
        workCounts(tx, { since }),
        getHardwareReport(tx, { name: options.machines[0] ?? '' }),
      ]);
      return { overlaps, initialized, taken, counts, hardware };
    },
    { name: 'DemoChecks', readOnly: true },
  );
  const agents = await Promise.all(
    machines.map(async (machine) => {
      const directory = join(options.directory, machine.providerId ?? '');
      const alive = await Promise.all(
        (await listEpochs(directory)).map((epoch) => findAgent(directory, epoch)),
      );
      const keys = alive.filter((agent) => agent !== undefined).map((agent) => agent.publicKey);
      const known = machine.agentPublicKey && Buffer.from(machine.agentPublicKey).toString('base64');
      return { name: machine.name, isRight: keys.length === 1 && keys[0] === known };
    }),
  );
  const matched = matchTakeOvers(killed, read.taken);
  const events = (event: string, kind?: string) =>
    read.counts
      .filter((row) => row.event === event && (kind === undefined || row.kind === kind))
      .reduce((sum, row) => sum + Number(row.events), 0);
  const report = read.hardware?.report;
  const wrong = (names: readonly string[]) => (names.length > 0 ? names.join(', ') : undefined);

  const checks = [
    {
      what: `all ${options.machines.length} machines of the inventory are running`,
      failure: wrong([
        ...options.machines.filter((name) => !machines.some((machine) => machine.name === name)),
        ...machines
          .filter(({ state }) => state !== 'running')
          .map(({ name, state }) => `${name} is ${state}`),
      ]),
    },
    {
      what: 'each machine runs exactly one agent, the one whose key the database knows',
      failure: wrong(agents.filter(({ isRight }) => !isRight).map(({ name }) => name)),
    },
    {
      what: 'no machine was worked on by two at once (history, by fencing token)',
      failure: wrong(read.overlaps.map(({ kind, target, token }) => `${kind} of ${target} token ${token}`)),
    },
    {
      what: 'each machine was initialized once (history)',
      failure: wrong(
        read.initialized
          .filter(({ finished }) => finished !== 1n)
          .map(({ name, finished }) => `${name}: ${finished}`),
      ),
    },
    {
      what: 'what the killed components held is abandoned in the history, and was taken over',
      failure: wrong(matched.lost),
    },
    {
      what: "the hardware reports are this host's",
      failure:
        report?.cpus.length === cpus().length ? undefined : `${report?.cpus.length ?? 'no'} CPUs reported`,
    },
  ];
  const figures = [
    ['machines running', String(machines.filter(({ state }) => state === 'running').length)],
    ['systems installed', String(machines.filter(({ osResult }) => osResult === 'success').length)],
    [
      'hardware of each',
      `${report?.cpus.length} CPUs, ${((report?.memoryBytes ?? 0) / 2 ** 30).toFixed(1)} GiB, ${report?.disks.length} disks`,
    ],
    ['work started', String(events('started'))],
    ['work finished', String(events('finished'))],
    ['work abandoned', String(events('abandoned'))],
    ['work failed', String(events('failed'))],
    ['agents recovered', String(events('finished', 'FleetRecover'))],
  ] as const;
  return { checks, takeOvers: matched.takeOvers, figures };
}

/** Finds what became of each piece of work that a killed component held. */
function matchTakeOvers(killed: readonly Killed[], taken: readonly TakeOversRow[]) {
  const found: TakeOver[] = [];
  const lost: string[] = [];
  for (const { component, at, isStaged, work } of killed) {
    for (const { kind, target, token } of work) {
      const next = taken.find((row) => row.kind === kind && row.target === target && row.token === token);
      // Killed by others at any moment: it may be that nothing was left to be done.
      if (!next && isStaged) lost.push(`${kind} of ${target}, held by ${component}`);
      if (next)
        found.push({
          from: component,
          kind,
          machine: next.machine ?? target,
          afterMs: next.takenAt.getTime() - at.getTime(),
        });
    }
  }
  return { takeOvers: found, lost };
}
