import type { Database } from '../../../src/index.ts';
import {
  cut,
  delay,
  dropReply,
  type FaultAction,
  type FaultOptions,
  injectRetries,
  stall,
  trickle,
} from '../../../src/testing/index.ts';
import { killConnections } from '../../support/kill-connections.ts';
import type { SeededRandom } from '../../support/seed.ts';
import { type CockroachCluster, LOSSES } from '../../support/servers/cockroach-cluster.ts';
import { rows } from '../../support/sql.ts';
import type { ChaosFace } from './face.ts';
import type { ChaosProcess } from './process.ts';

/** What faults act upon. */
export interface Ground {
  readonly faces: readonly ChaosFace[];
  readonly url: string;
  readonly db: Database;
  readonly random: SeededRandom;
  readonly intervalMs: number;
  readonly processes: ReadonlySet<ChaosProcess>;
  /** It will be started again. */
  lose(process: ChaosProcess): Promise<void>;
  /** It drains, and another one takes its place. */
  replace(process: ChaosProcess): void;
  /** Calls back after so many milliseconds, or when the faults stop. */
  later(ms: number, act: () => void): void;
  /** One more of a fault that strikes later than it is put in. */
  count(fault: string): void;
  /** The death of a backend: PostgreSQL ends all others, and recovers from its log. Undefined: the server is not ours. */
  readonly crash: (() => Promise<void>) | undefined;
  /** Nodes of the run's own. */
  readonly cluster: CockroachCluster | undefined;
  /** It has to come before everything can drain. */
  waitFor(promise: Promise<void>): void;
}

/** Something that happens to the processes, the network or the database. */
export interface ChaosFault {
  readonly name: string;
  /** How often it is chosen, next to the others. */
  readonly weight: number;
  readonly isPossible?: (ground: Ground) => boolean;
  /** Gives how often it has struck by now. */
  strike(ground: Ground): Promise<number> | number;
}

const readyOf = ({ processes }: Ground) => [...processes].filter(({ state }) => state === 'ready');
const proxiedOf = (ground: Ground) => readyOf(ground).filter(({ proxy }) => proxy !== undefined);

/** To one process that is ready. */
const onOne =
  (act: (process: ChaosProcess, ground: Ground) => Promise<void> | void, role?: ChaosProcess['role']) =>
  async (ground: Ground) => {
    const able = readyOf(ground).filter((process) => role === undefined || process.role === role);
    if (able.length === 0) return 0;
    await act(ground.random.pick(able), ground);
    return 1;
  };

/** To what one process that is behind a proxy says, or hears. */
const onNetwork = (
  name: string,
  put: (process: ChaosProcess, ground: Ground) => Promise<unknown> | undefined,
  only?: ChaosProcess['role'],
) => ({
  name,
  strike: (ground: Ground) => {
    const able = proxiedOf(ground).filter(({ role }) => only === undefined || role === only);
    if (able.length === 0) return 0;
    const struck = put(ground.random.pick(able), ground);
    void struck?.then(() => ground.count(name));
    return struck ? 0 : 1;
  },
});

/** At a message soon to come, in a direction. */
const inject = (
  { proxy }: ChaosProcess,
  direction: 'to-server' | 'to-client',
  action: FaultAction,
  at: FaultOptions['at'],
  times = 1,
) => proxy!.inject({ direction, action, at, times });

const COMMITS = /^(COMMIT|RELEASE)/;
const BEGINS = /^BEGIN/;
const asksOf = ({ faces }: Ground) => faces.flatMap(({ asks }) => asks ?? []);

/** Matches the COMMIT of a transaction in which a statement matched. */
function commitBehind(statement: RegExp) {
  const marked = new Set<number>();
  return ({ connection, sql = '' }: { readonly connection: number; readonly sql?: string | undefined }) => {
    if (BEGINS.test(sql)) marked.delete(connection);
    if (statement.test(sql)) marked.add(connection);
    return COMMITS.test(sql) && marked.delete(connection);
  };
}
const either = ({ random }: Ground) => random.pick(['to-server', 'to-client'] as const);

/** A node is lost for so long. */
const LOST_MS = [5_000, 20_000] as const;

export const KILLED = 'process killed (SIGKILL)';

export const FAULTS: readonly ChaosFault[] = [
  {
    name: KILLED,
    weight: 8,
    strike: onOne((process, ground) => ground.lose(process)),
  },
  {
    name: 'process stopped past its deadline (SIGSTOP, SIGCONT)',
    weight: 4,
    strike: onOne((process, { random, intervalMs, later }) => {
      process.halt();
      later(intervalMs * (0.5 + 1.5 * random.next()), () => process.goOn());
    }),
  },
  {
    name: 'all workers stopped at once',
    weight: 0.5,
    strike: (ground) => {
      const all = readyOf(ground);
      for (const process of all) process.halt();
      ground.later(ground.intervalMs * 1.2, () => {
        for (const process of all) process.goOn();
      });
      return 1;
    },
  },
  {
    name: 'process drained under load (SIGTERM)',
    weight: 2,
    strike: onOne((process, ground) => ground.replace(process), 'worker'),
  },
  {
    name: 'event loop blocked',
    weight: 1,
    strike: onOne((process, { random, intervalMs }) =>
      process.order('block', intervalMs * (0.5 + 1.5 * random.next())),
    ),
  },
  {
    name: 'clock stepped by minutes',
    weight: 1,
    strike: onOne((process, { random }) => process.order('clock', random.integer(-600, 600) * 1_000)),
  },
  {
    name: 'backend terminated',
    weight: 3,
    strike: async (ground) => {
      const able = readyOf(ground);
      if (able.length === 0) return 0;
      return killConnections(ground.url, ground.random.pick(able).name);
    },
  },
  {
    name: 'database crashed and recovered',
    weight: 0.3,
    isPossible: ({ crash }) => crash !== undefined,
    strike: async ({ crash }) => {
      await crash!();
      return 1;
    },
  },
  ...LOSSES.map((how) => ({
    name: `node ${how}`,
    weight: 0.6,
    isPossible: ({ cluster }: Ground) => cluster !== undefined,
    strike: ({ cluster, random, later, waitFor }: Ground) => {
      if (!cluster || cluster.isThin) return 0;
      waitFor(cluster.lose(random.pick(cluster.nodes), how));
      later(random.integer(...LOST_MS), () => waitFor(cluster.giveBack()));
      return 1;
    },
  })),
  {
    weight: 4,
    ...onNetwork(
      'answer to COMMIT lost',
      (process) => inject(process, 'to-server', dropReply(), ({ sql }) => COMMITS.test(sql ?? '')).struck,
    ),
  },
  {
    weight: 2,
    isPossible: (ground) => asksOf(ground).length > 0,
    ...onNetwork(
      'answer to the COMMIT of what asks for work lost',
      (process, ground) =>
        inject(process, 'to-server', dropReply(), commitBehind(ground.random.pick(asksOf(ground)))).struck,
      'feeder',
    ),
  },
  {
    weight: 3,
    ...onNetwork(
      'answer to a statement lost',
      (process, { random }) => inject(process, 'to-server', dropReply(), random.integer(1, 60)).struck,
    ),
  },
  {
    weight: 2,
    ...onNetwork('40001 at COMMIT', ({ proxy }) => injectRetries(proxy!).struck),
  },
  {
    weight: 2,
    ...onNetwork(
      '40001 at a statement',
      ({ proxy }) => injectRetries(proxy!, { at: /holdfast\.|chaos_/, times: 3 }).struck,
    ),
  },
  {
    weight: 2,
    ...onNetwork('connections reset', ({ proxy }, { random }) => {
      proxy!.cutAll(random.pick(['both', 'client', 'server'] as const));
      return undefined;
    }),
  },
  {
    weight: 2,
    ...onNetwork(
      'connection cut in the middle',
      (process, ground) =>
        inject(
          process,
          either(ground),
          cut(
            ground.random.pick(['before', 'after'] as const),
            ground.random.pick(['both', 'client', 'server'] as const),
          ),
          ground.random.integer(1, 100),
        ).struck,
    ),
  },
  {
    weight: 2,
    ...onNetwork('network silent one way', (process, ground) => {
      const { random, intervalMs } = ground;
      const fault = inject(process, either(ground), stall(), random.integer(1, 20), 1);
      ground.later(intervalMs * (0.5 + 1.5 * random.next()), () => fault.remove());
      return fault.struck;
    }),
  },
  {
    weight: 1,
    ...onNetwork(
      'messages 200 ms late',
      (process, ground) =>
        inject(process, either(ground), delay(200), ground.random.integer(1, 20), 1).struck,
    ),
  },
  {
    weight: 1,
    ...onNetwork(
      'bytes one by one',
      (process, ground) => inject(process, either(ground), trickle(), () => true, 50).struck,
    ),
  },
];

/** Kills one backend of the server, which this process may do only to a server of its own. */
export async function crashBackend(db: Database): Promise<void> {
  const [row] = await rows(db, 'SELECT pg_backend_pid()');
  process.kill(Number(row![0]), 'SIGKILL');
}
