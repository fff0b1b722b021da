/** Plugins for repositories: what their upstreams say, and how their versions are served. */
export { type FileSettings, filePlugin } from './file.ts';
export { type NpmSettings, npmPlugin } from './npm/plugin.ts';
