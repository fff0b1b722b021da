/**
 * SQL files in, typed query functions out. Read, describe, prove, emit, check: each a step with a narrow
 * type between; the engine judges the SQL, and nothing is guessed.
 *
 * A query is a `SourceQuery` as its file has it (source/), an `EngineQuery` in the words of an engine, an `Accepted` with
 * what the engine answered (analysis/), and an `AnalyzedQuery` with the types of its function, which emit/ writes down; the
 * `Answer` in it is what cache/ keeps. Lints and rules look at an `AnalyzedQuery` through a view of their own.
 *
 * Syntax trees are had in two ways, and are of two shapes. What a query means, which proofs, stars and parameters need, is an
 * analysed tree (engine/node-tree.ts: names resolved, types known). PostgreSQL is asked for its own: each session sets
 * `debug_print_rewritten`, each statement is sent as Parse and Describe, and the tree comes back as a notice beside the types
 * of parameters and columns; those of materialized views come from their definitions in the same way, and those of
 * generated columns out of pg_attrdef. CockroachDB prints none. Its statements are parsed by libpg-query, PostgreSQL's
 * parser in WebAssembly, after what only CockroachDB has is blanked out (cockroach/dialect.ts); the names are resolved in the
 * catalog that was read from the server into the shape that PostgreSQL prints (cockroach/resolve.ts), so that one prover
 * (nullability/) judges both, and the outcome has to agree with what Describe said. Where that fails, the plan is asked
 * for (`EXPLAIN (OPT, TYPES)`, cockroach/plan-proof.ts). How a query is written, which lints and rules need, is the raw tree
 * of libpg-query for both engines (lints/raw-tree.ts); where its syntax is CockroachDB's own, the lints are silent.
 */
export { QueryCache } from './cache/query-cache.ts';
export * from './compile.ts';
export * from './config.ts';
export {
  type Diagnostic,
  type DiagnosticJson,
  diagnosticToJson,
  formatDiagnostic,
  problemToJson,
} from './diagnostic.ts';
export { dualVerdict } from './dual-verdict.ts';
export type { Engine } from './engine/engine.ts';
export { explainQuery } from './explain.ts';
export { configName, readConfig } from './read-config.ts';
export { sarifLog } from './sarif.ts';
export * from './sources.ts';
export * from './staleness.ts';
export { writeTargets } from './write-targets.ts';
