export { type Observer, silentObserver, type TransactionInfo, type TransactionObserver } from './observer.ts';
export { silentTelemetry, type Telemetry } from './telemetry.ts';
