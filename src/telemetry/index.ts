export {
  COMMAND,
  COMPONENT,
  DOWNLOAD_SIZE,
  KIND,
  PIPELINE,
  SERVER_ADDRESS,
  TRANSACTION_NESTED,
  WORK_CLAIMED,
  WORK_WANTED,
} from './attributes.ts';
export { countDownload } from './downloads.ts';
export {
  type Observer,
  type ServerAddress,
  silentObserver,
  type TransactionInfo,
  type TransactionObserver,
} from './observer.ts';
export { type ObservedDatabase, openTelemetry } from './open-telemetry.ts';
export { type StageFigures, StageTelemetry, stageAttributes } from './pipeline.ts';
export { inRequest } from './request.ts';
export { inSpan, type OperationSpan } from './span.ts';
export { silentTelemetry, type Telemetry } from './telemetry.ts';
export { traceContext, withRemoteParent } from './trace-context.ts';
