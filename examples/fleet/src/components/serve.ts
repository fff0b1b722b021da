/**
 * Runs one replica of a component as a process: connects, serves its health, works until it is told to stop,
 * then drains. SIGTERM and SIGINT start the drain: /readyz says 503, no new work is taken, what is under way
 * gets the grace time, the rest is handed back. A second signal ends the process at once, as if it had been
 * killed: others take its work over.
 */
import { type ConnectOptions, checkSchema, connect, type Database } from '../../../../src/index.ts';
import { type Address, startTelemetry, type Telemetry } from '../../../telemetry/index.ts';
import { createLogger, type Logger } from '../logger.ts';
import { databaseTime } from '../queries/audit.ts';
import { FLEET_SCHEMA } from '../schema.ts';
import type { Component } from './component.ts';
import { serveHealth } from './health.ts';
import { ListenError } from './listen-error.ts';

export interface ServeOptions {
  readonly databaseUrl: string;
  readonly driver?: ConnectOptions['driver'];
  /** Connections at most, beside one for /readyz. */
  readonly connections: number;
  /** Where /livez and /readyz are served; port 0 takes a free one. */
  readonly health: Address;
  /** Where `/metrics` is served for Prometheus. Undefined: nowhere. Spans and metrics by OTLP follow OpenTelemetry's variables. */
  readonly metrics?: Address | undefined;
  /** How long a drain may take. */
  readonly graceMs: number;
  readonly logLevel: string;
  /** Stop at once when standard input ends: for a supervisor that must not leave anything behind. */
  readonly stopOnStdinEnd: boolean;
}

/** Probes of Kubernetes wait a second unless told otherwise. */
const READY_WITHIN_MS = 900;

/** Resolves when the component has drained; rejects when it could not start or could not go on. */
export async function serveComponent(
  name: string,
  options: ServeOptions,
  start: (db: Database, log: Logger) => Component | Promise<Component>,
): Promise<void> {
  if (options.stopOnStdinEnd) process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume();
  const log = createLogger(name, options.logLevel);
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(1);
    stopping.abort(signal);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  let telemetry: Telemetry | undefined;
  let db: Database | undefined;
  // A connection of its own: however busy the others are, it tells whether the database answers.
  let probe: Database | undefined;
  let component: Component | undefined;
  // Before anything else: who asks while it is still connecting is told that it lives and is not ready.
  const health = await serveHealth(options.health.host, options.health.port, {
    isAlive: () => true,
    isReady: async () =>
      !stopping.signal.aborted && probe !== undefined && component !== undefined && answers(probe),
  });
  try {
    telemetry = await startTelemetry({
      service: `holdfast-fleet-${name}`,
      metrics: options.metrics,
    }).catch((cause) => {
      throw options.metrics
        ? new ListenError(options.metrics.host, options.metrics.port, '--metrics', cause)
        : cause;
    });
    log.info({ health: health.url, ...(telemetry.url && { metrics: telemetry.url }) }, 'connecting');
    const open = (applicationName: string, max: number) =>
      connect({
        url: options.databaseUrl,
        applicationName,
        pool: { max },
        ...(options.driver && { driver: options.driver }),
      });
    db = await open(`holdfast-fleet-${name}`, options.connections);
    probe = await open(`holdfast-fleet-${name}-readyz`, 1);
    await checkSchema(db);
    await checkSchema(db, { set: FLEET_SCHEMA });
    component = await start(db, log);
    log.info({ health: health.url }, 'started');
    await Promise.race([component.done, aborted(stopping.signal)]);
    log.info({ reason: stopping.signal.aborted ? stopping.signal.reason : 'ended' }, 'draining');
    await component.stop({ graceMs: options.graceMs });
    await component.done;
    log.info('stopped');
  } finally {
    await health.close();
    await Promise.all([db?.close(), probe?.close()]);
    await telemetry?.[Symbol.asyncDispose]();
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    if (options.stopOnStdinEnd) process.stdin.destroy();
  }
}

/** Whether the database answers soon enough to be of use; a silent one must not keep who asks, nor a drain. */
async function answers(db: Database): Promise<boolean> {
  const bounds = { name: 'readyz', readOnly: true, maxRetries: 0, deadlineMs: READY_WITHIN_MS };
  return Boolean(await db.transact((tx) => databaseTime(tx), bounds));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
