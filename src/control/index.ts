export { runControlLoop } from './control-loop.ts';
export type { ControlLoop, ControlLoopOptions, Handle, LoopPhase, LoopState } from './options.ts';
