import { z } from 'zod';
import { pluginSettings, upstreamUrl } from '../../sync/index.ts';

export const settingsSchema = pluginSettings.extend({
  /** Of the registry. */
  url: upstreamUrl,
  /** Names, such as `semver`; with what is wanted of one behind `@`, such as `semver@^7` or `@types/node@all`. */
  packages: z.array(z.string()).default([]),
  /** Scopes, such as `@types`: all their packages. The registry must have npm's search. */
  scopes: z.array(z.string().regex(/^@[^/]+$/, 'expected a scope such as @types')).default([]),
  /** What is wanted of each: `all`, `dist-tags` (those that a tag names), a tag, or a range. Default: the tag `latest`. */
  versions: z.string().min(1).default('latest'),
  /**
   * Also what they depend on: one version for each range, as a client would take it, and so on. Optional dependencies and
   * peers are among them; what comes from elsewhere than the registry, and what it does not have, is not. Default false.
   */
  dependencies: z.boolean().default(false),
  /** More packages fail the sync; their documents are held in memory. Default 10,000. */
  maxPackages: z.int().min(1).default(10_000),
});

export type NpmSettings = z.output<typeof settingsSchema>;
