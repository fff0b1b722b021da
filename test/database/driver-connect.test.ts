import { X509Certificate } from 'node:crypto';
import { chmod, chown, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConnectError, ConnectionLostError } from '../../src/base/index.ts';
import { serverAccount, temporaryRoot } from '../../src/database/embedded/account.ts';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.ts';
import { Pool, parseUrl, pgDriver, postgresDriver } from '../../src/database/index.ts';
import { connect } from '../../src/index.ts';
import { type FaultProxy, stall, startFaultProxy } from '../../src/testing/index.ts';
import { type Certificates, makeCertificates, renewClient } from '../support/certificates.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine, waitFor } from '../support/database.ts';
import { openConnection } from '../support/driver-connection.ts';
import { sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

let database: TestDatabase;
let proxy: FaultProxy;
let dir: string;
let pem: Certificates;
let secure: EmbeddedServer;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy({ url: database.url });
  const account = await serverAccount();
  dir = await mkdtemp(join(await temporaryRoot(account), 'holdfast-tls-'));
  pem = await makeCertificates(dir);
  // As CockroachDB does it: the certificate is the proof, a password the exception.
  const rules = join(dir, 'pg_hba.conf');
  await writeFile(rules, 'hostssl all certified all cert\nhost all all all scram-sha-256\n');
  if (account)
    for (const file of [dir, pem.cert, pem.key, pem.ca, rules]) await chown(file, account.uid, account.gid);
  await chmod(pem.key, 0o600);
  secure = await startEmbedded({
    settings: {
      ...{ ssl: 'on', ssl_cert_file: pem.cert, ssl_key_file: pem.key, ssl_ca_file: pem.ca },
      hba_file: rules,
    },
  });
});
afterAll(async () => {
  await proxy?.close();
  await secure?.stop();
  await database?.drop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

const withParts = (url: string, change: (url: URL) => void) => {
  const changed = new URL(url);
  change(changed);
  return changed.href;
};

/** A server that says one error and hangs up. */
async function refusingServer(sqlState: string): Promise<Server & { url: string }> {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0Msorry\0\0`);
  const header = Buffer.alloc(5);
  header.write('E');
  header.writeInt32BE(body.length + 4, 1);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.concat([header, body])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return Object.assign(server, { url: `postgresql://u:p@127.0.0.1:${port}/d?sslmode=disable` });
}

describe.each(DRIVERS)('driver %s connects', (driver) => {
  const failure = async (url: string, connectTimeoutMs = 10_000) => {
    const outcome = await openConnection(driver, url, { connectTimeoutMs }).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(ConnectError);
    const error = outcome as ConnectError;
    expect(error.message).not.toContain('sesame');
    expect(error.message.split('\n')).toHaveLength(1);
    return error.reason;
  };

  test('each way of failing has its own reason, in one line, without the password', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    expect(await failure(`postgresql://u:sesame@127.0.0.1:${port}/d`)).toBe('refused');
    expect(await failure('postgresql://u:sesame@no-such-host.invalid:5432/d')).toBe('unknown-host');
    const stranger = withParts(secure.url, (url) => {
      url.password = 'sesame';
    });
    expect(await failure(stranger)).toBe('authentication');
    const elsewhere = withParts(secure.url, (url) => {
      url.pathname = '/no_such_database';
    });
    expect(await failure(elsewhere)).toBe('unknown-database');
    expect(await failure(withParts(proxy.url, (url) => url.searchParams.set('sslmode', 'require')))).toBe(
      'tls',
    );
  });

  test.each([
    ['53300', 'too-many-connections'],
    ['57P03', 'unavailable'],
    ['28P01', 'authentication'],
    ['28000', 'authentication'],
    ['3D000', 'unknown-database'],
  ])('a server that says %s: %s', async (sqlState, reason) => {
    const server = await refusingServer(sqlState);
    expect(await failure(server.url)).toBe(reason);
    await new Promise((resolve) => server.close(resolve));
  });

  test('a server that accepts and says nothing: timeout, and nothing is left open', async () => {
    const fault = proxy.inject({ direction: 'to-server', startup: true, action: stall() });
    expect(await failure(proxy.url, 50)).toBe('timeout');
    fault.remove();
    await waitFor(() => proxy.open === 0);
  });

  describe('with TLS', () => {
    const url = (host: string, parameters: Record<string, string>) =>
      withParts(secure.url, (one) => {
        one.hostname = host;
        for (const [name, value] of Object.entries(parameters)) one.searchParams.set(name, value);
      });
    const encrypted = async (at: string) => {
      const connection = await openConnection(driver, at);
      const { rows } = await connection.send(
        sql('SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()'),
      );
      return { connection, ssl: rows[0]![0] };
    };

    test.each([
      ['require trusts anyone', 'require', '127.0.0.1', undefined],
      ['verify-ca checks the authority, not the name', 'verify-ca', '127.0.0.1', 'ca'],
      ['verify-full checks both', 'verify-full', 'localhost', 'ca'],
    ] as const)('%s', async (_, sslmode, host, ca) => {
      const { connection, ssl } = await encrypted(
        url(host, { sslmode, ...(ca ? { sslrootcert: pem[ca] } : {}) }),
      );
      expect(ssl).toBe('t');
      await connection.close();
    });

    test('cancel goes over TLS as well', async () => {
      const { connection } = await encrypted(
        url('localhost', { sslmode: 'verify-full', sslrootcert: pem.ca }),
      );
      let settled = false;
      const sleeping = connection.send(sql('SELECT pg_sleep(60)')).finally(() => {
        settled = true;
      });
      sleeping.catch(() => {});
      await waitFor(async () => {
        await connection.cancel();
        return settled;
      });
      await expect(sleeping).rejects.toMatchObject({ code: '57014' });
      connection.destroy();
    });

    test.each([
      ['an authority that did not sign it', 'verify-full', 'localhost', 'otherCa'],
      ['an authority that did not sign it', 'verify-ca', 'localhost', 'otherCa'],
      ['a name that is not in the certificate', 'verify-full', '127.0.0.1', 'ca'],
      ['no authority that is known to the system', 'verify-full', 'localhost', undefined],
    ] as const)('%s: %s refuses', async (_, sslmode, host, ca) => {
      expect(await failure(url(host, { sslmode, ...(ca ? { sslrootcert: pem[ca] } : {}) }))).toBe('tls');
    });

    test('a client certificate is the proof of who connects; without one, or with an unusable one, nobody does', async () => {
      const admin = await openConnection('pg', secure.url);
      await admin.send(sql('CREATE ROLE certified LOGIN')).catch(() => {});
      await admin.close();
      const as = (parameters: Record<string, string>) =>
        withParts(url('localhost', { sslmode: 'verify-full', sslrootcert: pem.ca, ...parameters }), (one) => {
          one.username = 'certified';
          one.password = '';
        });
      const files = { sslcert: pem.clientCert, sslkey: pem.clientKey };
      const { connection, ssl } = await encrypted(as(files));
      const { rows } = await connection.send(sql('SELECT current_user'));
      expect([ssl, rows[0]![0]]).toEqual(['t', 'certified']);
      await connection.close();
      expect(await failure(as({}))).toBe('authentication');
      const junk = join(dir, 'pg_hba.conf');
      expect(() => parseUrl(as({ ...files, sslkey: pem.key }))).toThrow(/^sslkey: .*not the key of/);
      for (const name of ['sslrootcert', 'sslcert', 'sslkey'])
        expect(() => parseUrl(as({ ...files, [name]: junk }))).toThrow(
          new RegExp(`^${name}: .*no usable PEM`),
        );
    });

    test.runIf(testEngine() === 'postgresql')(
      'certificates that change under load: what is opened from then on uses the new ones, and nothing fails',
      async () => {
        const admin = await openConnection('pg', secure.url);
        await admin.send(sql('CREATE ROLE certified LOGIN')).catch(() => {});
        const renewed = await renewClient(dir);
        const files = { sslcert: join(dir, `live-${driver}.crt`), sslkey: join(dir, `live-${driver}.key`) };
        await copyFile(pem.clientCert, files.sslcert);
        await copyFile(pem.clientKey, files.sslkey);
        const live = withParts(
          url('localhost', { sslmode: 'verify-full', sslrootcert: pem.ca, ...files }),
          (one) => {
            one.username = 'certified';
            one.password = '';
          },
        );
        await using db = await connect({ url: live, driver, pool: { max: 3 } });
        const seen: string[] = [];
        const serial = async () => {
          const statement = sql('SELECT client_serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
          const found = await db.transact((tx) => tx.execute(statement), { readOnly: true });
          seen.push(String(found.rows[0]![0]));
        };
        const serialOf = async (file: string) =>
          String(BigInt(`0x${new X509Certificate(await readFile(file)).serialNumber}`));
        const [before, after] = [await serialOf(pem.clientCert), await serialOf(renewed.clientCert)];
        const stopping = new AbortController();
        const load = Promise.all(
          [1, 2, 3].map(async () => {
            while (!stopping.signal.aborted) await serial();
          }),
        );
        const cut = () =>
          admin.send(
            sql(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'certified' AND query LIKE '%client_serial%'",
            ),
          );
        await waitFor(() => seen.length > 20);
        // Half of a change: the new certificate beside the old key.
        await copyFile(renewed.clientCert, files.sslcert);
        const half = seen.length;
        await cut();
        await waitFor(() => seen.length > half + 20);
        expect(new Set(seen)).toEqual(new Set([before]));
        await copyFile(renewed.clientKey, files.sslkey);
        // Again and again: a connection that was between two statements is not among those that were cut.
        await waitFor(async () => {
          if (seen.slice(-20).every((one) => one === after)) return true;
          await cut();
          return false;
        });
        stopping.abort();
        await load;
        expect(new Set(seen)).toEqual(new Set([before, after]));
        await admin.close();
      },
    );

    test('the URL of a handle carries the TLS settings that connect was given beside it', async () => {
      const tls = { mode: 'verify-full', caFile: pem.ca } as const;
      await using db = await connect({ url: url('localhost', {}), driver, tls });
      const { connection, ssl } = await encrypted(db.url);
      expect(ssl).toBe('t');
      await connection.close();
    });

    test('a connection over TLS that is lost rejects what was sent', async () => {
      const { connection } = await encrypted(url('localhost', { sslmode: 'require' }));
      const pending = connection.send(sql('SELECT pg_sleep(60)'));
      connection.destroy();
      await expect(pending).rejects.toThrow(ConnectionLostError);
    });
  });

  test('connect takes the URL alone, and refuses a malformed one without its password', async () => {
    await using db = await connect(database.url);
    expect(db.url).toBe(database.url);
    await db.execute({ text: 'SELECT 1', values: [] });
    const error = await connect('postgresql://u:sesame:5432/d').then(
      () => undefined,
      (refusal: Error) => refusal,
    );
    expect(error).toMatchObject({ code: 'HOLDFAST_INVALID_OPTION', subject: 'url' });
    expect(inspect(error)).not.toContain('sesame');
  });

  // CockroachDB limits neither a role nor itself.
  test.runIf(testEngine() === 'postgresql')(
    'a server that has no place left serves the calls of a pool by the connections that it has',
    async () => {
      const direct = await openConnection('pg', database.url);
      await direct.send(sql(`CREATE ROLE narrow_${driver} LOGIN PASSWORD 'narrow' CONNECTION LIMIT 2`));
      const url = withParts(database.url, (one) => {
        one.username = `narrow_${driver}`;
        one.password = 'narrow';
      });
      const refused = await connect({ url, driver, pool: { max: 50 } });
      const calls = Array.from({ length: 100 }, (_, i) =>
        refused.execute({ text: 'SELECT pg_sleep(0.005), $1::TEXT', values: [String(i)] }),
      );
      const answers = await Promise.all(calls);
      expect(answers.map(({ rows }) => rows[0]![1])).toEqual(calls.map((_, i) => String(i)));
      const held = await openConnection('pg', url).catch((error: ConnectError) => error.reason);
      expect(held).toBe('too-many-connections');
      await refused.close();
      await direct.send(sql(`DROP ROLE narrow_${driver}`));
      await direct.close();
    },
  );

  test('start-up options of the URL reach the server', async () => {
    const at = withParts(database.url, (url) =>
      url.searchParams.set('options', '-c default_transaction_read_only=on'),
    );
    const connection = await openConnection(driver, at);
    expect((await connection.send(sql('SHOW default_transaction_read_only'))).rows).toEqual([['on']]);
    await connection.close();
  });

  test('of several hosts the first that answers is used; when none does the last reason is told', async () => {
    const { hostname, port, username, password, pathname } = new URL(database.url);
    const at = (hosts: string) =>
      parseUrl(`postgresql://${username}${password ? `:${password}` : ''}@${hosts}${pathname}`);
    const settings = {
      max: 3,
      acquireTimeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      connectTimeoutMs: 5_000,
      applicationName: 'holdfast-test',
    };
    const implementation = driver === 'pg' ? pgDriver : postgresDriver;
    const pool = new Pool(
      implementation,
      at(`127.0.0.1:1,no-such-host.invalid:1,${hostname}:${port}`),
      settings,
    );
    const connections = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const connection of connections) {
      expect(connection.port).toBe(Number(port));
      pool.release(connection);
    }
    await pool.close();
    const hopeless = new Pool(implementation, at('127.0.0.1:1,127.0.0.1:2'), settings);
    await expect(hopeless.acquire()).rejects.toMatchObject({ reason: 'refused' });
    expect(hopeless.stats).toEqual({ idle: 0, busy: 0, opening: 0, waiting: 0 });
    await hopeless.close();
  });

  test('pools of one connection spread over the hosts', async () => {
    await using other = await startFaultProxy({ url: database.url });
    const ours = new URL(database.url).host;
    const address = parseUrl(database.url.replace(`@${ours}`, `@${ours},127.0.0.1:${other.port}`));
    const ports = new Set<number>();
    for (let n = 0; n < 40; n++) {
      const pool = new Pool(driver === 'pg' ? pgDriver : postgresDriver, address, {
        max: 1,
        acquireTimeoutMs: 10_000,
        idleTimeoutMs: 10_000,
        connectTimeoutMs: 5_000,
        applicationName: 'holdfast-test',
      });
      const connection = await pool.acquire();
      ports.add(connection.port);
      pool.release(connection);
      await pool.close();
    }
    expect(ports.size).toBe(2);
  });

  test('a host that has stopped does not keep the only place in the pool: another host, or the same one again, takes it', async () => {
    await using stopped = await startFaultProxy({ url: database.url });
    const { host } = new URL(stopped.url);
    const other = new URL(database.url).host;
    const settings = {
      max: 1,
      acquireTimeoutMs: 4_000,
      idleTimeoutMs: 10_000,
      connectTimeoutMs: 30_000,
      applicationName: 'holdfast-test',
    };
    const implementation = driver === 'pg' ? pgDriver : postgresDriver;
    const open = (hosts: string) =>
      new Pool(implementation, parseUrl(database.url.replace(`@${other}`, `@${hosts}`)), settings);
    const first = { direction: 'to-server', startup: true, action: stall() } as const;
    stopped.inject(first);
    const several = open(`${host},${other}`);
    // Wherever the pool begins, one of the two begins with the host that has stopped.
    for (let n = 0; n < 2; n++) several.discard(await several.acquire());
    await several.close();
    stopped.calm();
    const held = stopped.inject(first);
    const single = open(host);
    single.release(await single.acquire());
    expect(held.strikes).toBe(1);
    await single.close();
  });
});
