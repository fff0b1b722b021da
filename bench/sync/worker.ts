/** A process that does one phase, and tells what it took. Arguments: URL of the database, phase, items, URL of the files. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import pg from 'pg';
import { z } from 'zod';
import { connect } from '../../src/index.ts';
import {
  type DeclaredContent,
  declare,
  defineContentType,
  directoryStore,
  sync,
} from '../../src/sync/index.ts';

export const PHASES = ['floor', 'first', 'same', 'change', 'removal', 'removal floor', 'artifacts'] as const;
export type Phase = (typeof PHASES)[number];

export interface Done {
  readonly ms: number;
  readonly statements: number;
  readonly memoryMb: number;
}

const [url = '', phase = '', count = '', files = ''] = process.argv.slice(2);
const items = Number(count);
const BATCH = 1_000;
const WARM_UP = 5_000;

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');
const idOf = (text: string) => {
  const hex = digestOf(text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string(), sha256: z.string(), size: z.number() }),
  key: ({ path }) => [path],
});

/** A file's text, where files are fetched. */
const bodyOf = (n: number) => `${n}`.padEnd(1_000, 'x');

async function* declared(
  changed: number,
  folder = 'packages',
  count = items,
): AsyncGenerator<DeclaredContent[]> {
  for (let from = 0; from < count; from += 500) {
    const some: DeclaredContent[] = [];
    for (let n = from; n < Math.min(count, from + 500); n++) {
      const path = `${folder}/${n < changed ? 'new-' : ''}${String(n).padStart(7, '0')}.tar`;
      const sha256 = phase === 'artifacts' ? digestOf(bodyOf(n)) : n.toString(16).padStart(64, '0');
      const urls = [phase === 'artifacts' ? `${files}/${n}` : `https://files.example/${path}`];
      some.push(
        declare(file, {
          metadata: { path, sha256, size: 1_000 },
          artifacts: [{ path, urls, digests: { sha256 }, size: 1_000 }],
        }),
      );
    }
    yield some;
  }
}

let statements = 0;
/** Counts the spans of statements, and keeps none. */
const counter = {
  startSpan(_name, { kind } = {}) {
    if (kind === SpanKind.CLIENT) statements++;
    return recorded;
  },
  startActiveSpan: () => undefined,
} as Tracer;
const nothing = trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 });
const recorded = Object.assign(Object.create(nothing) as Span, { isRecording: () => true });

async function bySync(): Promise<number> {
  trace.setGlobalTracerProvider({ getTracer: () => counter });
  await using db = await connect({ url });
  await using session = await db.startSession({ component: 'bench', intervalMs: 600_000 });
  const folder = join(tmpdir(), `holdfast-bench-artifacts-${process.pid}`);
  const store = await directoryStore(folder);
  const policy = phase === 'artifacts' ? 'immediate' : 'on demand';
  // A service reaches its speed after some thousand items.
  await sync(session, 'warm', declared(0, `warm ${phase}`, WARM_UP), { policy: 'on demand' });
  statements = 0;
  const started = performance.now();
  const first = phase === 'removal' ? [] : declared(phase === 'change' ? Math.ceil(items / 100) : 0);
  await sync(session, 'bench', first, { policy, store });
  const ms = performance.now() - started;
  await store.close();
  await rm(folder, { recursive: true, force: true });
  return ms;
}

/** What the rows of a batch cost where nobody asks what is there. */
async function byDriver(): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const send = (text: string, values: unknown[]) => {
    statements++;
    return client.query({ text, values, name: text.slice(0, 60) });
  };
  await insert(send, client, 'warm', WARM_UP);
  statements = 0;
  const started = performance.now();
  await insert(send, client, 'floor', items);
  const ms = performance.now() - started;
  await client.end();
  return ms;
}

async function insert(
  send: (text: string, values: unknown[]) => Promise<unknown>,
  client: pg.Client,
  folder: string,
  count: number,
): Promise<void> {
  const repository = idOf('repository');
  for (let from = 0; from < count; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, count - from) }, (_, n) => from + n);
    const paths = numbers.map((n) => `${folder}/${String(n).padStart(7, '0')}.tar`);
    const ids = paths.map(idOf);
    const digests = numbers.map((n) => n.toString(16).padStart(64, '0'));
    await Promise.all([
      client.query('BEGIN'),
      send(
        `INSERT INTO holdfast.content (content_id, type, name, key, key_id, fingerprint, metadata)
        SELECT i, 'floor', p, k, i, i, m::JSONB FROM unnest($1::UUID[], $2::TEXT[], $3::TEXT[], $4::TEXT[]) AS g (i, p, k, m)`,
        [
          ids,
          paths,
          paths.map((path) => JSON.stringify([path])),
          paths.map((path, at) => JSON.stringify({ path, sha256: digests[at], size: 1_000 })),
        ],
      ),
      send(
        'INSERT INTO holdfast.content_artifact (content_id, path) SELECT i, p FROM unnest($1::UUID[], $2::TEXT[]) AS g (i, p)',
        [ids, paths],
      ),
      send(
        `INSERT INTO holdfast.remote_artifact (remote_id, content_id, path, urls, digests, size, fingerprint)
        SELECT $1::UUID, i, p, u::JSONB, d::JSONB, 1000, i FROM unnest($2::UUID[], $3::TEXT[], $4::TEXT[], $5::TEXT[]) AS g (i, p, u, d)`,
        [
          repository,
          ids,
          paths,
          paths.map((path) => JSON.stringify([`https://files.example/${path}`])),
          digests.map((sha256) => JSON.stringify({ sha256 })),
        ],
      ),
      send(
        `INSERT INTO holdfast.repository_content (repository_id, key_id, version_added, content_id)
        SELECT $1::UUID, i, 1, i FROM unnest($2::UUID[]) AS g (i)`,
        [repository, ids],
      ),
      client.query('COMMIT'),
    ]);
  }
}

async function removalByDriver(): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const repository = idOf('repository');
  const started = performance.now();
  for (let from = 0; from < items; from += 5_000) {
    const ids = Array.from({ length: Math.min(5_000, items - from) }, (_, n) =>
      idOf(`floor/${String(from + n).padStart(7, '0')}.tar`),
    );
    statements++;
    await client.query(
      'UPDATE holdfast.repository_content SET version_removed = 2 WHERE repository_id = $1 AND key_id = ANY($2::UUID[]) AND version_removed IS NULL',
      [repository, ids],
    );
  }
  const ms = performance.now() - started;
  await client.end();
  return ms;
}

if (phase !== '') {
  const ms = await (phase === 'floor'
    ? byDriver()
    : phase === 'removal floor'
      ? removalByDriver()
      : bySync());
  // In kB on Linux, as getrusage says.
  process.send?.({ ms, statements, memoryMb: process.resourceUsage().maxRSS / 1_024 } satisfies Done);
  process.disconnect?.();
}
