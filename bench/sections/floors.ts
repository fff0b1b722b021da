import pg from 'pg';
import { type Figure, inTurns, rate } from '../support/measure.ts';
import type { BenchServer } from '../support/server.ts';

export interface Floor {
  readonly what: string;
  readonly clients: number;
  /** A second. */
  readonly rate: Figure;
}

/** What the server gives to the bare driver: nothing above it can be faster. */
export async function floors(server: BenchServer, runs: number, quick: boolean): Promise<Floor[]> {
  const url = await server.database('floors');
  await server.run(
    url,
    'CREATE TABLE durable (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n BIGINT)',
  );
  const clients = await Promise.all(
    Array.from({ length: 24 }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return client;
    }),
  );
  const count = quick ? 300 : 2_000;
  const select = (i: number) => clients[i]!.query({ name: 's', text: 'SELECT 1' });
  const insert = (i: number) =>
    clients[i]!.query({ name: 'i', text: 'INSERT INTO durable (n) VALUES ($1)', values: [1] });
  try {
    const variants: Record<string, () => Promise<number>> = {};
    for (const n of [1, 8, 24]) {
      variants[`select 1|${n}`] = () => rate(count, n, select);
      variants[`durable one-row insert|${n}`] = () => rate(count, n, insert);
    }
    const figures = await inTurns(runs, variants);
    return Object.entries(figures).map(([name, figure]) => {
      const [what, n] = name.split('|') as [string, string];
      return { what, clients: Number(n), rate: figure };
    });
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
