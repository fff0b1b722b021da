import { defineConfig } from 'vitest/config';

// Schema changes on CockroachDB are jobs, and take their time. What is a second here is three on a busy host.
const cockroach = process.env['HOLDFAST_TEST_ENGINE'] === 'cockroachdb';
const patience = cockroach ? 4 : 1;

/** Limits of tests are for what hangs; they say nothing of how long anything takes. */
const shared = {
  testTimeout: 180_000 * patience,
  hookTimeout: 180_000 * patience,
  sequence: { hooks: 'stack' as const },
};

/** One server for the whole run; each test file has a database of its own in it. */
const globalSetup = ['test/support/global-setup.ts'];

/** They touch neither a database nor anything of the process, so they share one process and what it has imported. */
const pure = [
  'architecture/*',
  'artifacts/rules',
  'base/*',
  'claim/rotating-slice',
  'database/connection-url',
  'docs/{configuration,errors,lines,links}',
  'fleet/{docs,inventory,reconciliation,signature}',
  'migrate/additive',
  'pipeline/{batches,editing,types,workers}',
  'public-api/names',
  'query/renumber',
  'telemetry/facts',
  'work/{backoff,batcher}',
].map((name) => `test/${name}.test.ts`);

export default defineConfig({
  test: {
    // Files run in processes of their own: signals, exit codes and event loops are subjects of tests.
    pool: 'forks',
    // Of two cores: many tests wait for processes, deadlines and the database rather than for a processor.
    // CockroachDB itself takes what two cores have: beside each other, tests with many sessions starve one another.
    maxWorkers: cockroach ? 1 : 3,
    typecheck: { enabled: false },
    projects: [
      // `npm test`: everything that a change must hold.
      {
        extends: true,
        test: {
          ...shared,
          globalSetup,
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/cluster/**', 'test/browser/**', ...pure],
        },
      },
      {
        extends: true,
        test: { ...shared, name: 'pure', include: pure, isolate: false },
      },
      // `npm run test:e2e`: long scenarios: chaos, whole demos, many machines, many sessions, whole servers.
      {
        extends: true,
        test: {
          ...shared,
          testTimeout: 10 * shared.testTimeout,
          globalSetup,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
        },
      },
      // `npm run test:cluster`: three CockroachDB nodes, of which one is lost.
      {
        extends: true,
        test: {
          ...shared,
          testTimeout: 900_000,
          hookTimeout: 600_000,
          globalSetup: ['test/cluster/global-setup.ts'],
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
        },
      },
      // `npm run test:browser`: the console's pages in a real Chromium.
      {
        extends: true,
        test: {
          ...shared,
          testTimeout: 900_000,
          globalSetup,
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
        },
      },
    ],
  },
});
