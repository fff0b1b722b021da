export type { Face, FaceGauges, FaceSweep, GaugeRows, UpkeepHost } from './face.ts';
export { type Janitor, runJanitor, type Sweep } from './janitor.ts';
export type { CountPending, JanitorOptions } from './options.ts';
