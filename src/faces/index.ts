export { type ExplainOptions, type Explanation, explain, type FaceFacts } from './explain.ts';
export type { Face, FaceGauges, FaceSweep, GaugeRows, UpkeepHost } from './face.ts';
export { history, inOrder } from './history.ts';
export type { FacePart, Fact, Finding, HistoryEvent, TargetState, Wish } from './part.ts';
export { clock } from './words.ts';
