import type { TestProject } from 'vitest/node';
import { findCockroach, NO_BINARY } from '../support/servers/cockroach-process.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the binary; none where these tests may be left out. */
    cockroach: string | undefined;
  }
}

/** Finds the binary. Without one nothing of this can run, which is an error unless HOLDFAST_CLUSTER is `optional`. */
export default async function setup(project: TestProject): Promise<void> {
  const cockroach = await findCockroach();
  project.provide('cockroach', cockroach);
  if (cockroach !== undefined) return;
  if (process.env['HOLDFAST_CLUSTER'] === 'optional') {
    console.error(`\nLeft out (HOLDFAST_CLUSTER=optional): ${NO_BINARY}\n`);
    return;
  }
  console.error(`\nNo test has run: ${NO_BINARY}\nHOLDFAST_CLUSTER=optional leaves these tests out.\n`);
  throw new Error(NO_BINARY);
}
