import type { ClaimFigures } from './sections/claims.ts';
import type { CockroachFigures } from './sections/cockroach.ts';
import type { JobCost } from './sections/costs.ts';
import type { Floor } from './sections/floors.ts';
import type { LoopFigures } from './sections/loops.ts';
import type { QueueFigures, StatementCount } from './sections/queues.ts';
import type { TransactionFigures } from './sections/transactions.ts';
import type { ZombieVerdict } from './sections/zombie.ts';

/** What one run of the bench found: bench/results/latest.json. */
export interface Results {
  readonly measuredAt: string;
  readonly runs: number;
  readonly machine: { cores: number; model: string; memoryGb: number; node: string };
  readonly server: string;
  /** Load average of the last minute before it began. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly floors?: readonly Floor[];
  readonly statements?: readonly StatementCount[];
  readonly zombie?: readonly ZombieVerdict[];
  readonly transactions?: readonly TransactionFigures[];
  readonly queues?: readonly QueueFigures[];
  readonly loops?: LoopFigures;
  readonly costs?: readonly JobCost[];
  readonly claims?: ClaimFigures;
  readonly cockroach?: CockroachFigures;
}
