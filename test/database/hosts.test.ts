import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../src/compiler/engine/engine.ts';
import type { SourceFile } from '../../src/compiler/source/source-file.ts';
import { connect, migrate } from '../../src/index.ts';
import { testDatabases } from '../../src/testing/index.ts';
import { DRIVERS, testEngine, waitFor } from '../support/database.ts';
import { openConnection } from '../support/driver-connection.ts';
import { type Replicated, startReplicated } from '../support/replicated.ts';
import { rows, sql } from '../support/sql.ts';
import { expectNoUncaughtErrors } from '../support/uncaught-errors.ts';

expectNoUncaughtErrors();

/** An embedded PostgreSQL and a hot standby that streams from it. */
describe.runIf(testEngine() === 'postgresql')('hosts of a replicated server', () => {
  let servers: Replicated;
  const portOf = (url: string) => new URL(url).port;
  /** The URL of several of them, in this order. */
  const through = (...urls: readonly string[]) => {
    const hosts = urls.map((url) => new URL(url).host).join(',');
    return urls[0]!.replace(new URL(urls[0]!).host, hosts);
  };

  /** Waits until the standby has what the primary has. */
  const caughtUp = async () => {
    await using primary = await connect(`${servers.primary.url}?target_session_attrs=any`);
    await using standby = await connect(`${servers.standby.url}?target_session_attrs=any`);
    const [[written]] = (await rows(primary, 'SELECT pg_current_wal_insert_lsn()')) as [[string]];
    const replayed = `SELECT pg_last_wal_replay_lsn() >= '${written}'`;
    await waitFor(async () => (await rows(standby, replayed))[0]![0] === 't');
  };

  beforeAll(async () => {
    servers = await startReplicated();
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  describe.each(DRIVERS)('with %s', (driver) => {
    test.each([['standby,primary'], ['primary,standby']] as const)(
      '%s: every connection goes to the host that takes writes',
      async (order) => {
        const url = through(...order.split(',').map((name) => servers[name as 'primary' | 'standby'].url));
        await using db = await connect({ url, driver, pool: { max: 4 } });
        await using session = await db.startSession({ component: 'writer' });
        const kind = `${driver} ${order}`;
        const [work] = await session.claim({ kind, candidates: () => ['a'] });
        const ports = await Promise.all(
          Array.from({ length: 4 }, () =>
            session.transact((tx) => rows(tx, 'SELECT inet_server_port(), pg_sleep(0.02)')),
          ),
        );
        expect(new Set(ports.flat().map(([port]) => port))).toEqual(new Set([portOf(servers.primary.url)]));
        await work!.finish();
      },
    );

    test('target_session_attrs chooses, and a host that will not do is told with what to do', async () => {
      const { primary, standby } = servers;
      const refusal = await connect({ url: standby.url, driver }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'HOLDFAST_CONNECT', reason: 'wrong-role' });
      expect((refusal as Error).message).toMatch(
        /^127\.0\.0\.1:\d+ is a standby, which takes no writes; target_session_attrs=any/,
      );
      const serializable = `${standby.url}?options=-c%20default_transaction_isolation%3Dserializable`;
      await expect(connect({ url: serializable, driver })).rejects.toMatchObject({ reason: 'wrong-role' });
      const ask = async (url: string, target: string) => {
        await using db = await connect({ url: `${url}?target_session_attrs=${target}`, driver });
        return (await rows(db, 'SELECT pg_is_in_recovery()')).flat();
      };
      expect(await ask(standby.url, 'any')).toEqual(['t']);
      expect(await ask(through(primary.url, standby.url), 'standby')).toEqual(['t']);
      expect(await ask(through(primary.url, standby.url), 'read-only')).toEqual(['t']);
      expect(await ask(through(standby.url, primary.url), 'primary')).toEqual(['f']);
      await expect(ask(primary.url, 'standby')).rejects.toThrow(/is no standby/);
      const readOnly = `${primary.url}?options=-c%20default_transaction_read_only%3Don`;
      await expect(connect({ url: readOnly, driver })).rejects.toThrow(/default_transaction_read_only is on/);
    });

    test('a socket is reached by its folder, in both forms, and a statement on it can be canceled', async () => {
      const { username, password, pathname, port } = new URL(servers.primary.url);
      const folder = encodeURIComponent(servers.sockets);
      for (const url of [
        `postgresql://${username}:${password}@${folder}:${port}${pathname}?sslmode=require`,
        `postgresql://${username}:${password}@${pathname}?host=${folder}&port=${port}`,
      ]) {
        await using db = await connect({ url, driver });
        expect(await rows(db, 'SELECT inet_server_port() IS NULL')).toEqual([['t']]);
      }
      const connection = await openConnection(
        driver,
        `postgresql://${username}:${password}@${folder}:${port}${pathname}`,
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
      await connection.close();
      const nowhere = `postgresql://u@${folder}:1/d`;
      await expect(connect({ url: nowhere, driver })).rejects.toThrow(
        `nothing accepts connections at ${servers.sockets}`,
      );
    });
  });

  test('one URL is understood by connect, migrate, the compiler and tests: hosts, escapes, parameters', async () => {
    const { primary, standby } = servers;
    const admin = await openConnection('pg', primary.url);
    await admin.send(sql('CREATE ROLE "a b/c" SUPERUSER LOGIN PASSWORD \'p@:/?#%&\''));
    await caughtUp();
    const hosts = [standby, primary].map(({ url }) => new URL(url).host).join(',');
    const parameters =
      'sslmode=prefer&connect_timeout=20&application_name=every&target_session_attrs=read-write';
    const url = `postgresql://a%20b%2Fc:p%40%3A%2F%3F%23%25%26@${hosts}/postgres?${parameters}`;
    for (const driver of DRIVERS) {
      await using db = await connect({ url, driver });
      const about = "SELECT current_user, current_database(), current_setting('application_name')";
      expect(await rows(db, about)).toEqual([['a b/c', 'postgres', 'every']]);
      expect(await migrate(db)).toEqual([]);
    }
    expect(await migrate(url)).toEqual([]);
    const engine = await openEngine({ url });
    const text = 'CREATE TABLE compiled (id INT8 PRIMARY KEY);';
    const { catalog } = await engine.database([{ path: 'schema.sql', text } as SourceFile]);
    expect(catalog.types.size).toBeGreaterThan(0);
    await engine.close();
    await using databases = await testDatabases({ url });
    await using made = await databases.create();
    await using db = await connect(made.url);
    expect(await rows(db, 'SELECT current_user')).toEqual([['a b/c']]);
    for (const open of [
      migrate,
      (at: string) => openEngine({ url: at }),
      (at: string) => testDatabases({ url: at }),
    ]) {
      const refusal = await open('postgresql://u:sesame:5432/d').catch((error: Error) => error);
      expect(inspect(refusal)).toMatch(/host 1 is not host:port/);
      expect(inspect(refusal)).not.toContain('sesame');
    }
    await admin.close();
  });

  test('a primary that takes no writes any more is left for the one that does, and nothing is ambiguous', async () => {
    const { primary, standby } = servers;
    const url = through(primary.url, standby.url);
    await using admin = await connect(primary.url);
    await using other = await connect(`${standby.url}?target_session_attrs=any`);
    await rows(admin, 'CREATE TABLE note (body TEXT)');
    const programs = await Promise.all(
      DRIVERS.map(async (driver) => {
        const db = await connect({ url, driver });
        const session = await db.startSession({ component: driver, intervalMs: 60_000 });
        const [work] = await session.claim({ kind: driver, candidates: () => ['a'] });
        // Connections of all pools are open, and have what follows prepared.
        await Promise.all([1, 2, 3].map(() => rows(db, "INSERT INTO note VALUES ('before')")));
        await work!.transact((tx) => rows(tx, "INSERT INTO note VALUES ('before')"));
        return { db, session, work };
      }),
    );
    await rows(admin, 'ALTER SYSTEM SET default_transaction_read_only = on');
    await rows(admin, 'SELECT pg_reload_conf()');
    await waitFor(async () => (await rows(admin, 'SHOW default_transaction_read_only'))[0]?.[0] === 'on');
    await caughtUp();
    await rows(other, 'SELECT pg_promote()');
    for (const { db, session, work } of programs) {
      const write = "INSERT INTO note VALUES ('after') RETURNING inet_server_port()";
      const ports = [
        ...(await rows(db, write)),
        ...(await db.transact((tx) => rows(tx, write))),
        ...(await session.transact((tx) => rows(tx, write), { maxRetries: 2 })),
        ...(await work!.transact((tx) => rows(tx, write))),
      ];
      expect(new Set(ports.flat())).toEqual(new Set([portOf(standby.url)]));
      await work!.finish();
      const [next] = await session.claim({ kind: session.component, candidates: () => ['b'] });
      await next!.finish();
      // One that its own program made read-only is refused as it was.
      const readOnly = db.transact(async (tx) => {
        await rows(tx, 'SET TRANSACTION READ ONLY');
        await rows(tx, write);
      });
      await expect(readOnly).rejects.toMatchObject({ code: '25006' });
      await session.close();
      await db.close();
    }
    expect(await rows(other, "SELECT count(*) FROM note WHERE body = 'after'")).toEqual([['8']]);
  });
});
