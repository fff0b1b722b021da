/**
 * SQL files in, typed query functions out. Read, describe, prove, emit, check: each a step with a narrow
 * type between; the engine judges the SQL, and nothing is guessed.
 */
export * from './compile.ts';
export * from './config.ts';
export { type Diagnostic, diagnosticToJson, formatDiagnostic } from './diagnostic.ts';
export { dualVerdict } from './dual-verdict.ts';
export { explainQuery } from './explain.ts';
