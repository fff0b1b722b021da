/** A rule of your own over queries. A module that the configuration names as `rules` exports an array of them by default. */
export interface Rule {
  /** Letters and digits, such as `ACME1`, that stay; `-- lint:ignore ACME1 reason` silences it. HF and HL are Holdfast's. */
  readonly code: string;
  /** How to mend what it finds. */
  readonly hint: string;
  /** Whether it looks at the plan: each query is then planned, which takes time. */
  readonly plan?: boolean;
  /** Gives what is wrong; one thing for each warning. */
  check(query: RuleQuery): Iterable<RuleFinding>;
}

/** A compiled query, as rules see it. */
export interface RuleQuery {
  readonly name: string;
  /** `one`, `many`, `exec` and so on. */
  readonly command: string;
  /** The author's statement, with `$1` for parameters. */
  readonly sql: string;
  /** The tree of the statement by PostgreSQL's own parser (libpg-query): `{ SelectStmt: { targetList: [...] } }`. */
  readonly statement: Readonly<Record<string, unknown>>;
  readonly params: readonly RuleValue[];
  readonly columns: readonly RuleValue[];
  /**
   * PostgreSQL's plan as EXPLAIN (FORMAT JSON) has it, when the planner uses indexes where it can. Undefined unless
   * asked for, on CockroachDB, and for parameters before PostgreSQL 16.
   */
  readonly plan: Readonly<Record<string, unknown>> | undefined;
}

/** A column or a parameter. */
export interface RuleValue {
  /** In TypeScript. */
  readonly field: string;
  readonly sqlType: string;
  readonly ts: string;
  readonly nullable: boolean;
}

export interface RuleFinding {
  readonly message: string;
  /** Byte offset in `sql`, as `location` in the tree; the statement's beginning when there is none. */
  readonly location?: number | undefined;
}
