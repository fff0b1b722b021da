import type { Figure } from '../support/measure.ts';
import type { Mode } from './modes.ts';

/** What one run of telemetry's bench found: bench/results/telemetry.json. */
export interface TelemetryResults {
  readonly measuredAt: string;
  readonly runs: number;
  readonly machine: { cores: number; model: string; memoryGb: number; node: string };
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly settings: readonly SettingFigures[];
  /** Without a database, in a loop that does nothing else: microseconds a transaction of one statement. */
  readonly alone: Readonly<Partial<Record<Mode, Figure>>>;
  /** What it asks of the SDK, by hand and exported, in the same loop. */
  readonly sdk: Figure;
}

/** One kind of transaction on one server. */
export interface SettingFigures {
  readonly what: string;
  /** The statement on the bare driver, microseconds. */
  readonly floorUs: Figure;
  readonly modes: Readonly<Record<Mode, ModeFigures>>;
}

export interface ModeFigures {
  readonly us: Figure;
  readonly cpuUs: Figure;
  /** By the clock, times that of silent in the same round. */
  readonly timeToSilent: Figure;
  /** More processor time than silent in the same round, part of silent's time by the clock. */
  readonly cpuOfTime: Figure;
}
