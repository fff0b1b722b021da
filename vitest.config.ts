import { defineConfig } from 'vitest/config';

// Schema changes on CockroachDB are jobs, and take their time. What is a second here is three on a busy host.
const cockroach = process.env['HOLDFAST_TEST_ENGINE'] === 'cockroachdb';
const patience = cockroach ? 4 : 1;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One server for the whole run; each test file has a database of its own in it.
    globalSetup: ['test/support/global-setup.ts'],
    // Files run in processes of their own: signals, exit codes and event loops are subjects of tests.
    pool: 'forks',
    // Of two cores: many tests wait for processes, deadlines and the database rather than for a processor.
    // CockroachDB itself takes what two cores have: beside each other, tests with many sessions starve one another.
    maxWorkers: cockroach ? 1 : 3,
    testTimeout: 60_000 * patience,
    hookTimeout: 60_000 * patience,
    sequence: { hooks: 'stack' },
    typecheck: { enabled: false },
  },
});
