import type { Attributes } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { type RecordedTelemetry, recordTelemetry } from '../support/recorded-telemetry.ts';
import { type EveryFace, everyFace, MARK } from './support/every-face.ts';

let telemetry: RecordedTelemetry;
let program: EveryFace;
/** Every series after two rounds, and after another one with other targets. */
let first: readonly Series[];
let second: readonly Series[];
interface Series {
  readonly metric: string;
  readonly attributes: Attributes;
}
const series = async () => {
  const all: Series[] = [];
  for (const { name: metric } of await telemetry.metrics())
    for (const { attributes } of await telemetry.points(metric)) all.push({ metric, attributes });
  return all;
};
beforeAll(async () => {
  telemetry = recordTelemetry();
  const { url } = await createTestDatabase();
  program = await everyFace(url);
  // The second sync of a repository finds what the first has left.
  await program.round();
  await program.round();
  first = await series();
  await program.round();
  second = await series();
});
afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  await telemetry.stop();
});

/** Which labels each metric may have; a new one is a decision. */
const DATABASE = [
  'db.system.name',
  'db.namespace',
  'server.address',
  'server.port',
  'db.query.summary',
  'db.operation.name',
  'db.collection.name',
  'error.type',
  'db.response.status_code',
];
const LABELS: Readonly<Record<string, readonly string[]>> = {
  'db.client.operation.duration': DATABASE,
  'db.client.connection.count': ['db.client.connection.pool.name', 'db.client.connection.state'],
  'db.client.connection.max': ['db.client.connection.pool.name'],
  'db.client.connection.pending_requests': ['db.client.connection.pool.name'],
  'http.server.request.duration': ['http.request.method', 'http.response.status_code', 'http.route'],
  'holdfast.commands.ended': ['queue', 'command', 'state'],
  'holdfast.commands.oldest': ['queue'],
  'holdfast.commands.pending': ['queue'],
  'holdfast.downloads.bytes': [],
  'holdfast.downloads.ended': ['result'],
  'holdfast.fleet.machines': ['state'],
  'holdfast.operations': ['kind', 'state'],
  'holdfast.pipeline.items': ['pipeline', 'stage'],
  'holdfast.pipeline.time': ['pipeline', 'stage', 'state'],
  'holdfast.repository.contents': ['repository'],
  'holdfast.sessions.live': ['component'],
  'holdfast.sessions.started': ['component'],
  'holdfast.transaction.duration': ['transaction', 'outcome'],
  'holdfast.transaction.retries': ['transaction'],
  'holdfast.transactions.failed': ['component', 'error.type'],
  'holdfast.transactions.retried': ['component', 'error.type', 'holdfast.retry.reason'],
  'holdfast.transactions.started': ['component'],
  'holdfast.work.active': ['kind'],
  'holdfast.work.backoff': ['kind'],
  'holdfast.work.duration': ['component', 'kind', 'result'],
  'holdfast.work.ended': ['component', 'kind', 'result'],
  'holdfast.work.parked': ['kind'],
  'holdfast.work.pending': ['kind'],
  'holdfast.work.quarantined': ['kind'],
  'holdfast.work.started': ['component', 'kind'],
  'holdfast.work.taken_over': ['component', 'kind'],
  'holdfast.workflow.events': ['workflow', 'event', 'transition'],
  'holdfast.workflows': ['workflow', 'state', 'condition'],
};

test('every metric is among those whose labels were decided upon, and has no other', () => {
  const metrics = new Set(second.map(({ metric }) => metric));
  expect([...metrics].sort()).toEqual(Object.keys(LABELS).sort());
  const others = second.flatMap(({ metric, attributes }) =>
    Object.keys(attributes)
      .filter((key) => !LABELS[metric]!.includes(key))
      .map((key) => `${metric}: ${key}`),
  );
  expect(others).toEqual([]);
});

test('no label has a target, an id, a value or the text of a statement in it', () => {
  const refused = second.flatMap(({ metric, attributes }) =>
    Object.entries(attributes)
      .filter(([, value]) =>
        [
          MARK,
          /[0-9a-f]{8}-[0-9a-f]{4}-/i,
          /\b(select|insert|update|delete)\b.+\b(from|into|set)\b/i,
          /[$?]/,
        ].some((never) =>
          typeof never === 'string' ? String(value).includes(never) : never.test(String(value)),
        ),
      )
      .map(([key, value]) => `${metric}: ${key}=${value}`),
  );
  expect(refused).toEqual([]);
});

test('more targets make no more series', () => {
  const named = ({ metric, attributes }: Series) => `${metric} ${JSON.stringify(attributes)}`;
  const before = new Set(first.map(named));
  // What a server refuses by chance is told by codes, of which there are few.
  const without = second.filter(({ attributes }) => attributes['error.type'] === undefined);
  expect(without.map(named).filter((one) => !before.has(one))).toEqual([]);
});
