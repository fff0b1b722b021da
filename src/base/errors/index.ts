export * from './database-errors.ts';
export { errorChain } from './error-chain.ts';
export * from './holdfast-error.ts';
export * from './migration-errors.ts';
export * from './misuse-error.ts';
export * from './transaction-errors.ts';
export * from './work-errors.ts';
