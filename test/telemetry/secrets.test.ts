// Marked secrets go in; everything that comes out over failures of every kind is searched for them.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listenForConsole } from '../../src/console/index.ts';
import { connect, type Database, runControlLoop, sql } from '../../src/index.ts';
import { openStore } from '../../src/sync/index.ts';
import { createTestDatabase, waitFor } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { recordTelemetry } from '../support/recorded-telemetry.ts';
import { runCliInside } from '../support/run-cli-inside.ts';

/** No two are a part of one another. */
const SECRETS = {
  password: 'pw-Xq7marked',
  token: 'console-token-Yk3marked',
  keyId: 'AKIA0Zr9MARKED',
  key: 's3-key-Wm5marked',
  pem: 'cGVtLVZwMm1hcmtlZA',
  parameter: 'parameter-Ul8marked',
  upstream: 'upstream-Tj6marked',
} as const;

const recorded = recordTelemetry();
let db: Database;
let url: string;
beforeAll(async () => {
  ({ url } = await createTestDatabase());
  db = await connect({ url });
  await db.execute(sql`CREATE TABLE secret (id TEXT PRIMARY KEY, n INT8 CHECK (n > 0))`);
});
afterAll(async () => {
  await db?.close();
  await recorded.stop();
});

/** Everything that a program may write down of an error: by hand, by `console`, by a logger. */
function written(error: unknown): string {
  let logged = '';
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      logged += chunk;
      done();
    },
  });
  pino(sink).error({ err: error }, 'failed');
  const { message, stack } = error as Error;
  return [message, stack, String(error), inspect(error, { depth: 20 }), JSON.stringify(error), logged].join(
    '\n',
  );
}

/** Throws the name of what is found, and where, and never the text itself. */
function expectNoSecret(from: string, text: string): void {
  const found = Object.entries(SECRETS).filter(([, secret]) =>
    [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replaceAll('=', '')].some(
      (one) => text.includes(one),
    ),
  );
  expect(found.map(([name]) => `${name} in ${from}`)).toEqual([]);
}

async function failureOf(run: () => Promise<unknown>): Promise<unknown> {
  return await run().then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** URLs of databases with a password that cannot be used, each for a reason of its own. */
function wrongUrls(): string[] {
  const { password: secret } = SECRETS;
  const good = new URL(url);
  good.password = secret;
  good.username ||= 'somebody';
  return [
    good.href,
    `postgresql://u:${secret}@127.0.0.1:1/x`,
    `postgresql://u:${secret}@no-such-host.invalid/x`,
    `postgresql://u:${secret}@127.0.0.1:99999/x`,
    `postgresql://u:${secret}:5432/x`,
    `postgresql://u:${secret}@[::1/x`,
    `postgresql://u:${secret}%zz@127.0.0.1:1/x`,
    `postgresql://u:a/${secret}@127.0.0.1:1/x`,
    `postgresql://u:a#${secret}@127.0.0.1:1/x`,
    `postgresql://u:a?${secret}@127.0.0.1:1/x`,
    `postgresql://u:a b ${secret}@127.0.0.1:1/x`,
    `postgresql://u:a@${secret}@127.0.0.1:1/x`,
    `postgresql://127.0.0.1:1/x?password=${secret}&bogus=1`,
    `postgresql://127.0.0.1:1/x?pasword=${secret}`,
    `postgresql://127.0.0.1:1/x?sslpassword=${secret}`,
    `postgresql://u:${secret}@127.0.0.1:1/x?sslmode=sometimes`,
    `postgresql://u:${secret}@127.0.0.1:1/x?password=${secret}`,
    `postgresql:/u:${secret}@127.0.0.1/x`,
    `mysql://u:${secret}@127.0.0.1/x`,
    `u:${secret}@127.0.0.1/x`,
    `host=127.0.0.1 password=${secret} dbname=x`,
    `"postgresql://u:${secret}@127.0.0.1:1/x"`,
  ];
}

test('no way to write a database URL wrongly shows its password: in errors, in logs, on a screen', async () => {
  for (const [i, wrong] of wrongUrls().entries()) {
    for (const driver of ['pg', 'postgres'] as const) {
      const error = await failureOf(async () => {
        await using given = await connect({ url: wrong, driver, connectTimeoutMs: 2_000 });
        await given.execute(sql`SELECT 1`);
      });
      if (error !== undefined) expectNoSecret(`connect by ${driver} to URL ${i}`, written(error));
    }
    for (const args of [
      ['migrate', 'status', '--url', wrong, '--debug'],
      ['work', 'list', '--url', wrong],
      ['migrate', 'grant', '--worker', 'w', '--url', wrong],
      // The URL stands where it does not belong.
      ['explain', wrong, '--url', 'postgresql://127.0.0.1:1/x'],
      [wrong],
      ['migrate', wrong],
      ['migrate', 'up', '--to', wrong],
      ['console', '--base-url', wrong, '--url', url],
    ]) {
      const { stdout, stderr } = await runCliInside(args);
      expectNoSecret(`${args[0]} ${args[1] === wrong ? '' : args[1]} with URL ${i}`, stdout + stderr);
    }
  }
});

test('keys and certificates that cannot be used are named, and never quoted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  const key = join(folder, 'tls.key');
  await writeFile(key, `-----BEGIN PRIVATE KEY-----\n${SECRETS.pem}\n-----END PRIVATE KEY-----\n`);
  const files = `sslmode=verify-full&sslrootcert=${key}&sslcert=${key}&sslkey=${key}`;
  for (const driver of ['pg', 'postgres'] as const) {
    const error = await failureOf(async () => {
      await using given = await connect({ url: `postgresql://u@127.0.0.1:1/x?${files}`, driver });
      await given.execute(sql`SELECT 1`);
    });
    expect(error).toBeDefined();
    expectNoSecret(`connect by ${driver}`, written(error));
  }
  const { stderr } = await runCliInside([
    'work',
    'list',
    '--debug',
    '--url',
    `postgresql://u@127.0.0.1:1/x?${files}`,
  ]);
  expectNoSecret('work list', stderr);
});

test('keys of stores and passwords of upstreams are in no error, log or table', async () => {
  const port = await freePort();
  const before = { ...process.env };
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: SECRETS.keyId, AWS_SECRET_ACCESS_KEY: SECRETS.key });
  try {
    for (const store of [
      `s3://bucket/prefix?endpoint=http://127.0.0.1:${port}`,
      `s3://${SECRETS.keyId}:${SECRETS.key}@bucket/prefix?endpoint=http://127.0.0.1:${port}`,
      `s3://bucket?endpoint=http://u:${SECRETS.key}@127.0.0.1:${port}`,
      `s3://bucket?secret=${SECRETS.key}`,
      `https://u:${SECRETS.key}@127.0.0.1/x`,
    ]) {
      expectNoSecret('openStore', written(await failureOf(() => openStore(store))));
      const { stdout, stderr } = await runCliInside([
        'repo',
        'verify',
        '--debug',
        '--store',
        store,
        '--url',
        url,
      ]);
      expectNoSecret('repo verify', stdout + stderr);
    }
  } finally {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
  }
  const upstream = `http://u:${SECRETS.upstream}@127.0.0.1:${port}/`;
  const store = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  const common = ['--url', url, '--debug'];
  for (const args of [
    ['repo', 'create', 'mirror', '--plugin', 'file', '--upstream', upstream, ...common],
    ['repo', 'sync', 'mirror', '--store', store, ...common],
    ['repo', 'list', ...common],
    ['explain', 'mirror', '--json', ...common],
  ]) {
    const { stdout, stderr } = await runCliInside(args);
    expectNoSecret(args.slice(0, 2).join(' '), stdout + stderr);
  }
});

test('what the server quotes of a row is in no log of an error, in no span and in no label', async () => {
  const value = SECRETS.parameter;
  await db.execute(sql`INSERT INTO secret VALUES (${value}, 1)`);
  const refusals = [
    () => db.execute(sql`INSERT INTO secret VALUES (${value}, 1)`),
    () => db.execute(sql`INSERT INTO secret VALUES (${`${value} 2`}, -1)`),
    () => db.transact((tx) => tx.execute(sql`INSERT INTO secret VALUES (${value}, 1)`), { name: 'write' }),
  ];
  for (const refuse of refusals) {
    const error = (await failureOf(refuse)) as { code?: string; detail?: string };
    expect(error.code).toMatch(/^23/);
    expectNoSecret(`what is written of ${error.code}`, written(error));
    expectNoSecret('its copy', JSON.stringify({ ...error }));
  }
  // A program that wants it has it, by its name.
  const { detail } = (await failureOf(refusals[0]!)) as { detail?: string };
  if (detail !== undefined) expect(detail).toContain(value);

  // A handler that fails by it: what the loop tells, what the history keeps, what the console and the command line show.
  const told: unknown[] = [];
  const loop = runControlLoop(db, {
    source: { kind: 'Secret', candidates: () => ['n1'] },
    intervalMs: 5_000,
    handle: async () => {
      await db.execute(sql`INSERT INTO secret VALUES (${value}, 1)`);
    },
    onError: (error) => void told.push(error),
  });
  const ended = async () =>
    (await db.execute(sql`SELECT 1 FROM holdfast.ended_work WHERE kind = 'Secret' AND event = 'failed'`)).rows
      .length > 0;
  await waitFor(ended);
  await loop.stop();
  for (const error of told) expectNoSecret('onError of a loop', written(error));
  for (const args of [
    ['explain', 'n1', '--url', url],
    ['history', 'n1', '--json', '--url', url],
  ])
    expectNoSecret(args[0]!, (await runCliInside(args)).stdout);
  await using pages = await listenForConsole({ db });
  for (const path of ['/api/overview', '/api/target?name=n1', '/api/timeline?name=n1', '/api/lists/targets'])
    expectNoSecret(path, await (await fetch(pages.url + path)).text());

  const spans = (await recorded.spans()).map(({ name, attributes, events, status, links }) => ({
    ...{ name, attributes, events, status, links },
  }));
  expect(spans.length).toBeGreaterThan(10);
  expectNoSecret(
    'spans',
    JSON.stringify(spans, (_key, one) => (typeof one === 'bigint' ? String(one) : one)),
  );
  const labels = inspect(await recorded.metrics(), { depth: 20, maxArrayLength: 1_000 });
  expect(labels).toContain('db.client.operation.duration');
  expectNoSecret('metrics', labels);
});

test('the token of the console is in no page, address, error or help', async () => {
  const { token } = SECRETS;
  const told: unknown[] = [];
  const gone = await connect({ url });
  const server = await listenForConsole({ db: gone, token, onError: (error) => void told.push(error) });
  const form = (given: string) => new URLSearchParams({ token: given, next: '/target?name=n1' });
  const login = (given: string) =>
    fetch(`${server.url}/login`, {
      method: 'POST',
      body: form(given),
      headers: { origin: server.url },
      redirect: 'manual',
    });
  const heads = ({ headers }: Response) => JSON.stringify([...headers]);
  const right = await login(token);
  const cookie = right.headers.getSetCookie()[0]!.split(';')[0]!;
  expect(right.status).toBe(303);
  expectNoSecret('the login', heads(right));
  const wrong = await login(`${token} and more`);
  expectNoSecret('a wrong login', heads(wrong) + (await wrong.text()));
  await gone.close();
  for (const path of ['/', '/api/console', '/api/overview', `/api/${token.slice(0, 3)}`, '/login?next=/']) {
    const answer = await fetch(server.url + path, { headers: { cookie } });
    expectNoSecret(path, heads(answer) + (await answer.text()));
  }
  for (const error of told) expectNoSecret('onError of the console', written(error));
  await server.stop();

  process.env['HOLDFAST_CONSOLE_TOKEN'] = token;
  try {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    for (const args of [
      ['console', '--help'],
      ['console', '--url', url, '--port', String(port), '--debug'],
      ['console', '--url', 'postgresql://127.0.0.1:1/x', '--debug'],
      ['console', '--url', url, '--user-header', 'a b', '--debug'],
    ]) {
      const { stdout, stderr } = await runCliInside(args);
      expectNoSecret(args.join(' '), stdout + stderr);
    }
    taken.close();
  } finally {
    delete process.env['HOLDFAST_CONSOLE_TOKEN'];
  }
});
