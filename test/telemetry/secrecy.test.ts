import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, DatabaseError, RetriesExhaustedError } from '../../src/index.ts';
import { claimMany } from '../support/claim.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';
import { rows, sql } from '../support/sql.ts';

/** What a collector would have got. */
interface Received {
  readonly path: string;
  readonly text: string;
}

const received: Received[] = [];
let receiver: Server;
let tracerProvider: TracerProvider;
let meterProvider: MeterProvider;

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    received.push({ path: request.url ?? '', text: await bodyOf(request) });
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  tracerProvider = new TracerProvider({
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${url}/v1/traces` }) }),
    ],
  });
  meterProvider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
        exportIntervalMillis: 3_600_000,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
});

afterAll(async () => {
  await tracerProvider.shutdown();
  await meterProvider.shutdown();
  receiver.closeAllConnections();
  receiver.close();
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
}

async function exported(): Promise<Received[]> {
  await tracerProvider.forceFlush();
  await meterProvider.forceFlush();
  return received.splice(0);
}

describe.each(SUITE_DRIVERS)('%s, over OTLP/HTTP', (driver) => {
  test('spans and metrics arrive; no bound value, message, password or URL is in any byte of them', async () => {
    const canary = `canary-of-${driver}`;
    const { url, name } = await createTestDatabase();
    const withPassword = new URL(url);
    withPassword.password ||= `password-${canary}`;
    const db = await connect({ url: withPassword.href, driver });
    try {
      await rows(db, 'CREATE TABLE note (id TEXT PRIMARY KEY, amount INT8)');
      await db.transact((tx) => rows(tx, 'INSERT INTO note VALUES ($1, 1)', canary), { name: 'write note' });
      const refused = [
        // The server quotes the value in message or detail.
        () => db.transact((tx) => rows(tx, 'INSERT INTO note VALUES ($1, 1)', canary)),
        () => db.transact((tx) => rows(tx, 'SELECT $1::INT8', canary)),
        () => db.execute(sql('SELECT CAST($1 AS INT8)', canary)),
        // Written into the text by hand.
        () => db.execute(sql(`SELECT '${canary}'::INT8`)),
        () => db.execute(sql(`SELECT E'\\'${canary}', $$${canary}$$, /* ${canary} */ nothing -- ${canary}`)),
      ];
      for (const one of refused) await expect(one()).rejects.toThrow(DatabaseError);
      await expect(
        db.transact(() => {
          throw Object.assign(new Error(canary), { name: canary, code: canary });
        }),
      ).rejects.toThrow(canary);
      const serialization = () =>
        new DatabaseError({ code: '40001', message: `(RETRY_SERIALIZABLE - ${canary})` });
      const exhausted = db.transact(
        () => {
          throw new Error(canary, { cause: serialization() });
        },
        { maxRetries: 1, name: 'contended' },
      );
      await expect(exhausted).rejects.toThrow(RetriesExhaustedError);
      await using session = await db.startSession({ component: 'clerk', instance: canary });
      const [one, two] = await claimMany(session, 'file', 2, () => [`${canary} 1`, `${canary} 2`]);
      await one!.finish((tx) => rows(tx, 'UPDATE note SET amount = 2 WHERE id = $1', canary));
      await two!.fail(canary);
      const requests = await exported();
      expect(new Set(requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces', '/v1/metrics']));
      const everything = requests.map(({ text }) => text).join('\n');
      for (const expected of [
        'write note',
        'UPDATE note SET amount = ? WHERE id = $1',
        'ClaimWork',
        'claim file',
        name,
        'RETRY_SERIALIZABLE',
        'db.client.operation.duration',
        'holdfast.work.ended',
        'holdfast.transaction.retries',
      ])
        expect(everything.includes(expected), expected).toBe(true);
      for (const secret of [canary, session.id, withPassword.password, 'postgres://', 'postgresql://'])
        expect(everything.includes(secret), secret).toBe(false);
    } finally {
      await db.close();
    }
  });
});
