/**
 * The runtime of compiled queries: the only module that generated code imports.
 */
export type { Codec } from './codec.ts';
export * from './codecs.ts';
export * from './define.ts';
export type { Executor, RawResult, ResultColumn, Statement } from './statement.ts';
