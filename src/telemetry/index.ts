export {
  COMMAND,
  COMPONENT,
  DOWNLOAD_SIZE,
  KIND,
  PIPELINE,
  SERVER_ADDRESS,
  TRANSACTION_NESTED,
  TRANSITION,
  WORK_CLAIMED,
  WORK_WANTED,
  WORKFLOW,
} from './attributes.ts';
export { countCommand, countDownload, countWorkflowEvent } from './counts.ts';
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
export { linksTo, traceContext } from './trace-context.ts';
