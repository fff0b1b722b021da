/**
 * SQL files in, typed query functions out. Read, describe, prove, emit, check: each a step with a narrow
 * type between; the engine judges the SQL, and nothing is guessed.
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
