import type { AnalyzedQuery } from '../analyzed.ts';
import type { CompileTarget } from '../config.ts';
import type { Catalog } from '../engine/catalog.ts';
import type { PlanNode } from '../plan.ts';
import type { RawNode } from './raw-tree.ts';

/** What a lint looks at. */
export interface LintSubject {
  readonly query: AnalyzedQuery;
  /** Syntax tree of the statement as libpg-query gives it. */
  readonly statement: RawNode;
  readonly catalog: Catalog;
  readonly target: CompileTarget;
  /** PostgreSQL's plan, where a rule needs it and the engine gives one. */
  readonly plan: PlanNode | undefined;
  /** The same of the SELECT of a :claim that has no LIMIT, when it is to give its first row. */
  readonly retrievalPlan: PlanNode | undefined;
}

export interface Finding {
  readonly message: string;
  /** Byte offset in the text that is sent; the statement's beginning when there is none. */
  readonly location?: number | undefined;
}

/** One rule: a code that stays, what it says, and how to mend it. */
export interface Lint {
  readonly code: string;
  readonly hint: string;
  /** Whether the plan of this query has to be looked at. */
  needsPlan?(query: AnalyzedQuery): boolean;
  check(subject: LintSubject): Iterable<Finding>;
}
