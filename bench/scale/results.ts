import type { Figure } from '../support/measure.ts';

/** What something costs, by how much there is of something else. */
export interface Curve {
  readonly title: string;
  /** What there is more and more of. */
  readonly of: string;
  /** What is measured, with its unit. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly size: number; readonly figures: readonly Figure[] }[];
}

export interface ScaleResults {
  readonly measuredAt: string;
  readonly runs: number;
  readonly quick: boolean;
  readonly machine: {
    readonly cores: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly node: string;
  };
  readonly server: string;
  /** Load average of the last minute before and after. */
  readonly load: readonly [before: number, after: number];
  readonly curves: readonly Curve[];
}
