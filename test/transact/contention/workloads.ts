import type { Executor } from '../../../src/query/index.ts';
import type { SeededRandom } from '../../support/seed.ts';
import { sql } from '../../support/sql.ts';

/** Versions that one attempt has read and written. */
export interface Trace {
  readonly reads: Map<number, number>;
  readonly writes: Map<number, number>;
}

/** One kind of transaction: which rows it takes, and what it does with them. */
export interface Workload {
  readonly name: string;
  /** Rows of one transaction among `rows`, drawn before it begins: every attempt takes the same. */
  pick(random: SeededRandom, rows: number): readonly number[];
  run(tx: Executor, rows: readonly number[], trace: Trace): Promise<void>;
}

/** Only ids and versions: what a transaction computes is that it counts a version up. */
export const CREATE_CELLS = 'CREATE TABLE cell (id INT8 PRIMARY KEY, version INT8 NOT NULL)';

async function read(tx: Executor, row: number, { reads, writes }: Trace, lock = ''): Promise<number> {
  const answer = await tx.execute(sql(`SELECT version FROM cell WHERE id = $1${lock}`, String(row)));
  const version = Number(answer.rows[0]![0]);
  // What it wrote itself says nothing about others.
  if (!writes.has(row)) reads.set(row, version);
  return version;
}

async function write(tx: Executor, row: number, version: number, { writes }: Trace): Promise<void> {
  await tx.execute(sql('UPDATE cell SET version = $2 WHERE id = $1', String(row), String(version)));
  writes.set(row, version);
}

const one = (random: SeededRandom, rows: number) => [random.integer(0, rows - 1)];
const two = (random: SeededRandom, rows: number) => {
  const first = random.integer(0, rows - 1);
  return rows === 1 ? [first] : [first, (first + random.integer(1, rows - 1)) % rows];
};
const ascending = (rows: readonly number[]) => [...rows].sort((a, b) => a - b);

const modify =
  (lock: string, order: (rows: readonly number[]) => readonly number[]): Workload['run'] =>
  async (tx, rows, trace) => {
    const seen = new Map<number, number>();
    for (const row of order(rows)) seen.set(row, await read(tx, row, trace, lock));
    for (const [row, version] of seen) await write(tx, row, version + 1, trace);
  };

/** Two who read the same version and write it: one of the writes would be lost. */
export const lostUpdate: Workload = { name: 'lost update', pick: one, run: modify('', (rows) => rows) };

/** Two rows are read and one of them is written: two who do so crosswise see nothing of each other. */
export const writeSkew: Workload = {
  name: 'write skew',
  pick: two,
  async run(tx, rows, trace) {
    let version = 0;
    for (const row of ascending(rows)) {
      const seen = await read(tx, row, trace);
      if (row === rows[0]) version = seen;
    }
    await write(tx, rows[0]!, version + 1, trace);
  },
};

/** Two rows are locked in one order, read and written. */
export const readModifyWrite: Workload = {
  name: 'read-modify-write',
  pick: two,
  run: modify(' FOR UPDATE', ascending),
};

/** The same two rows in three ways, for the advice in the documentation. */
export const LOCKINGS: readonly Workload[] = [
  { name: 'plain SELECT', pick: two, run: modify('', (rows) => rows) },
  { name: 'plain SELECT, one order', pick: two, run: modify('', ascending) },
  { name: 'FOR UPDATE, random order', pick: two, run: modify(' FOR UPDATE', (rows) => rows) },
  { name: 'FOR UPDATE, one order', pick: two, run: modify(' FOR UPDATE', ascending) },
];

export const WORKLOADS = [lostUpdate, writeSkew, readModifyWrite] as const;
