import type { CommandFigures, DrainFigures } from './commands.ts';
import type { OperationFigures } from './operations.ts';
import type { ParkedFigures, StartFigures } from './waiting.ts';
import type { StepCounts, StepFigures } from './workflows.ts';

/** What one run of `npm run bench:steps` found: bench/results/steps.json. */
export interface StepResults {
  readonly measuredAt: string;
  readonly runs: number;
  readonly machine: { cores: number; model: string; memoryGb: number; node: string };
  readonly server: string;
  /** Versions of the packages beside Holdfast, by name. */
  readonly peers: Readonly<Record<string, string>>;
  /** Load average of the last minute before it began, and at its end. */
  readonly load: readonly [number, number];
  /** `--quick`: short runs, a smaller backlog, fewer that are parked. */
  readonly quick: boolean;
  readonly counts: readonly StepCounts[];
  readonly steps: readonly StepFigures[];
  readonly commands: readonly CommandFigures[];
  readonly drain: DrainFigures;
  readonly operations: OperationFigures;
  readonly starts: StartFigures;
  readonly parked: ParkedFigures;
}
