/** The systems whose durable steps are measured: each runs workflows of ten steps that do nothing, in a process of its own. */
import pg from 'pg';
import { connect } from '../../src/index.ts';
import { defineWorkflow } from '../../src/workflows/index.ts';

export const STEPS = 10;

export interface StepSystem {
  /** What it is called in the tables. */
  readonly name: string;
  /** Of its own tables; what is counted is committed. */
  readonly steps: string;
  /** Takes away what an earlier run has left. */
  readonly clear: string;
  /** Makes its tables, and begins to run workflows, so many at once, out of `backlog` or as they come. */
  start(url: string, workers: number, backlog: number): Promise<{ stop(): Promise<void> }>;
}

const ids = Array.from({ length: STEPS }, (_, n) => `s${n + 1}`);
const chain = defineWorkflow({
  name: 'bench',
  version: 1,
  states: ids,
  transitions: Object.fromEntries(
    ids.map((id, n) => [id, { from: n === 0 ? null : ids[n - 1]!, to: id, automatic: true }]),
  ),
});

const holdfast: StepSystem = {
  name: 'holdfast',
  steps: "SELECT count(*) AS n FROM holdfast.workflow_history WHERE event = 'done'",
  clear: 'TRUNCATE holdfast.workflow, holdfast.workflow_history, holdfast.work, holdfast.ended_work',
  async start(url, workers, backlog) {
    const db = await connect({ url });
    for (let at = 0; at < backlog; at += 1_000)
      await chain.startMany(
        db,
        Array.from({ length: Math.min(1_000, backlog - at) }, (_, n) => ({ target: `t${at + n}` })),
      );
    await db.execute({ text: 'VACUUM (ANALYZE)', values: [] });
    const loop = chain.runLoop(db, {
      parallelism: workers,
      // Other programs may keep a machine from its heartbeats for seconds.
      intervalMs: 60_000,
      actions: Object.fromEntries(ids.map((id, n) => [id, async () => ({ n })])),
      onError: (error, during) => console.error(`holdfast, ${during}:`, error),
    });
    return {
      async stop() {
        await loop.stop();
        await db.close();
      },
    };
  },
};

/** Its workflows are called, not taken from a queue of its own, which is polled. */
const dbos: StepSystem = {
  name: 'DBOS',
  steps: 'SELECT count(*) AS n FROM dbos.operation_outputs',
  clear: 'TRUNCATE dbos.operation_outputs, dbos.workflow_status CASCADE',
  async start(url, workers) {
    const name = '@dbos-inc/dbos-sdk';
    const { DBOS } = (await import(name)) as {
      DBOS: {
        setConfig(config: object): void;
        launch(): Promise<void>;
        shutdown(): Promise<void>;
        registerWorkflow(body: () => Promise<void>, options: object): () => Promise<void>;
        runStep(step: () => Promise<unknown>, options: object): Promise<unknown>;
      };
    };
    DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, logLevel: 'error' });
    const run = DBOS.registerWorkflow(
      async () => {
        for (const [n, id] of ids.entries()) await DBOS.runStep(async () => ({ n }), { name: id });
      },
      { name: 'bench' },
    );
    await DBOS.launch();
    let stopped = false;
    const worker = async () => {
      while (!stopped) await run();
    };
    const all = Promise.all(Array.from({ length: workers }, worker));
    return {
      async stop() {
        stopped = true;
        await all;
        await DBOS.shutdown();
      },
    };
  },
};

const openWorkflow: StepSystem = {
  name: 'OpenWorkflow',
  steps: "SELECT count(*) AS n FROM openworkflow.step_attempts WHERE status IN ('completed', 'succeeded')",
  clear: 'TRUNCATE openworkflow.step_attempts, openworkflow.workflow_runs CASCADE',
  async start(url, workers, backlog) {
    const [name, driver] = ['openworkflow', 'openworkflow/postgres'];
    interface Step {
      run(options: { name: string }, body: () => Promise<unknown>): Promise<unknown>;
    }
    const { OpenWorkflow } = (await import(name)) as {
      OpenWorkflow: new (options: {
        backend: unknown;
      }) => {
        defineWorkflow(
          spec: { name: string },
          body: (given: { step: Step }) => Promise<unknown>,
        ): { run(): Promise<unknown> };
        newWorker(options: { concurrency: number }): { start(): Promise<void>; stop(): Promise<void> };
      };
    };
    const { BackendPostgres } = (await import(driver)) as {
      BackendPostgres: { connect(url: string): Promise<{ stop(): Promise<void> }> };
    };
    const backend = await BackendPostgres.connect(url);
    const ow = new OpenWorkflow({ backend });
    const workflow = ow.defineWorkflow({ name: 'bench' }, async ({ step }) => {
      for (const [n, id] of ids.entries()) await step.run({ name: id }, async () => ({ n }));
      return {};
    });
    for (let at = 0; at < backlog; at += 100)
      await Promise.all(Array.from({ length: Math.min(100, backlog - at) }, () => workflow.run()));
    const worker = ow.newWorker({ concurrency: workers });
    await worker.start();
    return {
      async stop() {
        await worker.stop();
        await backend.stop();
      },
    };
  },
};

/** What any of them can reach at best: each step one row, committed. */
const floor: StepSystem = {
  name: 'durable one-row insert',
  steps: 'SELECT count(*) AS n FROM durable',
  clear: 'TRUNCATE durable',
  async start(url, workers) {
    const clients = Array.from({ length: workers }, () => new pg.Client({ connectionString: url }));
    for (const client of clients) await client.connect();
    await clients[0]!.query(
      'CREATE TABLE IF NOT EXISTS durable (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n BIGINT)',
    );
    let stopped = false;
    const all = Promise.all(
      clients.map(async (client) => {
        while (!stopped)
          await client.query({ name: 'i', text: 'INSERT INTO durable (n) VALUES ($1)', values: [1] });
      }),
    );
    return {
      async stop() {
        stopped = true;
        await all;
        await Promise.all(clients.map((client) => client.end()));
      },
    };
  },
};

export const systems: readonly StepSystem[] = [floor, holdfast, dbos, openWorkflow];
