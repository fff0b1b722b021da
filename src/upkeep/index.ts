export { type Janitor, runJanitor, type Sweep } from './janitor.ts';
export type { CountPending, JanitorOptions } from './options.ts';
