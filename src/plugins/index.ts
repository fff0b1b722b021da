/** Plugins for repositories: what their upstreams say, and how their versions are served. */
export { type FileSettings, filePlugin } from './file.ts';
export { npmPlugin } from './npm/plugin.ts';
export type { NpmSettings } from './npm/settings.ts';
