import { z } from 'zod';
import { defineContentType } from '../../sync/index.ts';

/** What belongs to all versions of a package, and changes: its tags, and which versions are deprecated and why. */
export const npmPackage = defineContentType({
  name: 'npm-package',
  metadata: z.strictObject({
    name: z.string(),
    distTags: z.record(z.string(), z.string()),
    deprecated: z.record(z.string(), z.string()),
  }),
  key: ({ name }) => [name],
  onChange: 'replace',
});

/** One version of a package: its whole manifest, as the registry gives it, but for the URL of its tarball. */
export const npmVersion = defineContentType({
  name: 'npm-version',
  metadata: z.looseObject({ name: z.string(), version: z.string(), dist: z.looseObject({}) }),
  key: ({ name, version }) => [name, version],
  clientName: ({ name }) => name,
});
