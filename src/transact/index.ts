export { pause, retryDelayMs } from './backoff.ts';
export { classify, sqlStateOf, type Verdict } from './classify.ts';
export type { Fence } from './fence.ts';
export { refuseLeftovers } from './forbidden.ts';
export { type TransactOptions, transactOptionsSchema } from './options.ts';
export type { AttemptInfo, Transaction, TransactionBody } from './transaction.ts';
export { type TransactContext, Transactor } from './transactor.ts';
