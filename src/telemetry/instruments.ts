import type { Meter } from '@opentelemetry/api';
import { observePools } from './pool-gauges.ts';

/** The bounds that the semantic conventions ask for, in seconds. */
const DURATION_BOUNDS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const REQUEST_BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** For what takes milliseconds as well as minutes, in seconds. */
const WIDE_BOUNDS_S = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
];
const RETRY_BOUNDS = [0, 1, 2, 3, 5, 8, 12, 16, 32, 64];

export type Instruments = ReturnType<typeof createInstruments>;

/** Every metric of the core, once a meter provider. The janitor publishes its own gauges. */
export function createInstruments(meter: Meter) {
  observePools(meter);
  return {
    duration: meter.createHistogram('db.client.operation.duration', {
      unit: 's',
      description: 'Duration of database client operations.',
      advice: { explicitBucketBoundaries: DURATION_BOUNDS_S },
    }),
    requests: meter.createHistogram('http.server.request.duration', {
      unit: 's',
      description: 'Duration of HTTP server requests.',
      advice: { explicitBucketBoundaries: REQUEST_BOUNDS_S },
    }),
    retries: meter.createHistogram('holdfast.transaction.retries', {
      unit: '{retry}',
      description: 'Retries of a transaction until its end.',
      advice: { explicitBucketBoundaries: RETRY_BOUNDS },
    }),
    transactions: meter.createHistogram('holdfast.transaction.duration', {
      unit: 's',
      description: 'Duration of transactions, with all attempts and pauses.',
      advice: { explicitBucketBoundaries: WIDE_BOUNDS_S },
    }),
    workDuration: meter.createHistogram('holdfast.work.duration', {
      unit: 's',
      description: 'Time that work was held, from its claim to its end.',
      advice: { explicitBucketBoundaries: WIDE_BOUNDS_S },
    }),
    started: meter.createCounter('holdfast.transactions.started', {
      unit: '{transaction}',
      description: 'Transactions started.',
    }),
    retried: meter.createCounter('holdfast.transactions.retried', {
      unit: '{retry}',
      description: 'Attempts of transactions that failed and were retried, by cause.',
    }),
    failed: meter.createCounter('holdfast.transactions.failed', {
      unit: '{transaction}',
      description: 'Transactions that ended without a known commit, by cause.',
    }),
    sessions: meter.createCounter('holdfast.sessions.started', {
      unit: '{session}',
      description: 'Sessions started.',
    }),
    workStarted: meter.createCounter('holdfast.work.started', {
      unit: '{work}',
      description: 'Pieces of work claimed.',
    }),
    workTakenOver: meter.createCounter('holdfast.work.taken_over', {
      unit: '{work}',
      description: 'Pieces of work claimed from a holder that died.',
    }),
    commands: meter.createCounter('holdfast.commands.ended', {
      unit: '{command}',
      description: 'Commands that ended, by how.',
    }),
    workflowEvents: meter.createCounter('holdfast.workflow.events', {
      unit: '{event}',
      description: 'What holders wrote into the histories of instances.',
    }),
    downloads: meter.createCounter('holdfast.downloads.ended', {
      unit: '{download}',
      description: 'Downloads of files that ended, by result.',
    }),
    downloadedBytes: meter.createCounter('holdfast.downloads.bytes', {
      unit: 'By',
      description: 'Bytes of files that were downloaded and verified.',
    }),
    workEnded: meter.createCounter('holdfast.work.ended', {
      unit: '{work}',
      description: 'Pieces of work that ended, by result.',
    }),
    pipelineItems: meter.createCounter('holdfast.pipeline.items', {
      unit: '{item}',
      description: 'Items that a stage of a pipeline has given.',
    }),
    pipelineTime: meter.createCounter('holdfast.pipeline.time', {
      unit: 's',
      description: 'Time of a stage of a pipeline, by what it did.',
    }),
  };
}
