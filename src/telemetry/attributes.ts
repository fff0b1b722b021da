/**
 * Attribute names. Those of OpenTelemetry's stable semantic conventions for database clients and HTTP servers are written down
 * here, so that production code needs only the API package; the rest is Holdfast's own.
 */
export const DB_SYSTEM_NAME = 'db.system.name';
export const DB_NAMESPACE = 'db.namespace';
export const DB_QUERY_TEXT = 'db.query.text';
export const DB_QUERY_SUMMARY = 'db.query.summary';
export const DB_OPERATION_NAME = 'db.operation.name';
export const DB_OPERATION_BATCH_SIZE = 'db.operation.batch.size';
export const DB_COLLECTION_NAME = 'db.collection.name';
export const DB_RESPONSE_STATUS_CODE = 'db.response.status_code';
export const ERROR_TYPE = 'error.type';
export const SERVER_ADDRESS = 'server.address';
export const SERVER_PORT = 'server.port';
export const POOL_NAME = 'db.client.connection.pool.name';
export const POOL_STATE = 'db.client.connection.state';

export const TRANSACTION_READ_ONLY = 'holdfast.transaction.read_only';
export const TRANSACTION_NESTED = 'holdfast.transaction.nested';
export const TRANSACTION_ATTEMPTS = 'holdfast.transaction.attempts';
export const TRANSACTION_OUTCOME = 'holdfast.transaction.outcome';
export const ATTEMPT = 'holdfast.attempt';
export const RETRY_REASON = 'holdfast.retry.reason';
export const COMPONENT = 'holdfast.component';
export const KIND = 'holdfast.work.kind';
export const WORK_WANTED = 'holdfast.work.wanted';
export const WORK_CLAIMED = 'holdfast.work.claimed';
export const DOWNLOAD_SIZE = 'holdfast.download.size';
export const COMMAND = 'holdfast.command';
export const WORKFLOW = 'holdfast.workflow';
export const TRANSITION = 'holdfast.workflow.transition';
export const PIPELINE = 'holdfast.pipeline';
export const STAGE = 'holdfast.pipeline.stage';
export const STAGE_ITEMS_IN = 'holdfast.pipeline.items_in';
export const STAGE_ITEMS_OUT = 'holdfast.pipeline.items_out';
export const STAGE_BATCHES_IN = 'holdfast.pipeline.batches_in';
export const STAGE_WAITING_MS = 'holdfast.pipeline.waiting_ms';
export const STAGE_BLOCKED_MS = 'holdfast.pipeline.blocked_ms';
export const STAGE_WORKING_MS = 'holdfast.pipeline.working_ms';
export const STAGE_PEAK_QUEUED = 'holdfast.pipeline.peak_queued';

export const HTTP_METHOD = 'http.request.method';
export const HTTP_ROUTE = 'http.route';
export const HTTP_STATUS = 'http.response.status_code';
