export { type CountPending, type Janitor, type JanitorOptions, runJanitor, type Sweep } from './janitor.ts';
