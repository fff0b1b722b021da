export { retryDelayMs } from './contention.ts';
export { classify } from './ending.ts';
export type { Fence, Seal } from './fence.ts';
export { type TransactOptions, transactOptionsSchema } from './options.ts';
export type { TransactContext } from './run.ts';
export { isPart, onOutcome, seal, unseal } from './scope.ts';
export type { AttemptInfo, Transaction, TransactionBody } from './transaction.ts';
export { Transactor } from './transactor.ts';
