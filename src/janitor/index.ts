export { type Janitor, type JanitorOptions, runJanitor, type Sweep } from './janitor.ts';
