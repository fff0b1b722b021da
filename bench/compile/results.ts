import type { Figure } from '../support/measure.ts';

/** What one run of the compiler's bench found, in seconds: bench/results/compile.json. */
export interface CompileResults {
  readonly measuredAt: string;
  readonly machine: { cores: number; model: string; memoryGb: number; node: string };
  readonly server: string;
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly floors: {
    /** A process that does nothing. */
    readonly node: Figure;
    readonly engineStart: Figure;
  };
  readonly corpora: readonly CorpusFigures[];
}

export interface CorpusFigures {
  readonly queries: number;
  /** Nothing known, in this process, from reading the configuration to the last module; the engine is running. */
  readonly cold: Figure;
  readonly bare: Figure;
  /** The whole command, nothing known, on a running engine. */
  readonly coldRunning: Figure;
  /** The whole command, nothing known, its embedded engine started and stopped. */
  readonly coldCommand: Figure;
  /** The whole command, by digests alone. */
  readonly unchanged: Figure;
  /** The whole command with one query changed, on a running engine. */
  readonly oneChanged: Figure;
  /** The same, with the embedded engine started and stopped. */
  readonly oneChangedCommand: Figure;
  readonly pgtyped?: { readonly version: string; readonly seconds: Figure };
}
