import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One server for the whole run; each test file has a database of its own in it.
    globalSetup: ['test/support/global-setup.ts'],
    // Files run in processes of their own: signals, exit codes and event loops are subjects of tests.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    sequence: { hooks: 'stack' },
    typecheck: { enabled: false },
  },
});
