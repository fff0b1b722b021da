#!/usr/bin/env node
// The reference fleet's command line: its components, each a process of its own, and the demo.
import { run } from '../../src/cli/program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
process.exitCode = await run(process.argv.slice(2), [
  () => import('./cli/fleet.ts'),
  () => import('./cli/demo.ts'),
]);
