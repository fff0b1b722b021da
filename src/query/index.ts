/**
 * The runtime of compiled queries: the only module that generated code imports.
 */
export type { Codec } from './codec.ts';
export * from './codecs.ts';
export * from './collections.ts';
export * from './define.ts';
export type { Executor, RawResult, ResultColumn, Statement } from './statement.ts';
export { type OutputOf, type Schema, validated } from './validated.ts';
