import { checkOptions, invalidOption, LONGEST_TIMER_MS } from '../base/index.ts';
import {
  type Address,
  addressForClaims,
  ClaimPool,
  type ConnectOptions,
  checkSettings,
  connectOptionsSchema,
  detectOn,
  Pool,
  parseUrl,
  pgDriver,
  postgresDriver,
  withEnvironment,
  withTls,
} from '../database/index.ts';
import { HEARTBEAT_CONNECTIONS } from '../sessions/index.ts';
import { openTelemetry } from '../telemetry/index.ts';
import { Waiter } from '../topics/index.ts';
import { Database } from './database.ts';

const CLOSE_WITHIN_MS = 30_000;

/**
 * Opens a database: `connect('postgresql://...')`, or with options. With a URL (argument, option, HOLDFAST_DATABASE_URL or DATABASE_URL) that server; without one an
 * embedded PostgreSQL, migrated, in `embeddedDir` or thrown away on close. A server of your own is not migrated:
 * `holdfast migrate up` or `migrate()` does that. Connects once to find out which server it is.
 *
 * Throws MisuseError naming the wrong option, or ConnectError saying what to mend.
 */
export async function connect(options: string | ConnectOptions = {}): Promise<Database> {
  const given = typeof options === 'string' ? { url: options } : options;
  const checked = checkOptions(connectOptionsSchema, given) as ConnectOptions;
  if (checked.url !== undefined && checked.embeddedDir !== undefined)
    throw invalidOption('embeddedDir', 'has no meaning together with url: give one of them');
  const settings = withEnvironment(checked);
  if (settings.url !== undefined && checked.embeddedDir === undefined) {
    return open(settings.url, settings, async () => {});
  }
  // Loaded only here: who has a server of their own needs none of it.
  const { startEmbedded } = await import('../database/embedded/index.ts');
  const server = await startEmbedded(settings.embeddedDir === undefined ? {} : { dir: settings.embeddedDir });
  try {
    const { migrate } = await import('../migrate/index.ts');
    await migrate(server.url);
    return await open(server.url, settings, () => server.stop());
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function open(url: string, options: ConnectOptions, onClose: () => Promise<void>): Promise<Database> {
  const { driver, pool, tls, applicationName, connectTimeoutMs, prepare } = options;
  const address = parseUrl(url, tls);
  const settings = {
    max: pool?.max ?? 10,
    acquireTimeoutMs: Math.min(pool?.acquireTimeoutMs ?? 30_000, LONGEST_TIMER_MS),
    idleTimeoutMs: Math.min(pool?.idleTimeoutMs ?? 60_000, LONGEST_TIMER_MS),
    maxLifetimeMs: pool?.maxLifetimeMs ?? 1_800_000,
    connectTimeoutMs: Math.min(connectTimeoutMs ?? address.connectTimeoutMs ?? 10_000, LONGEST_TIMER_MS),
    applicationName: applicationName ?? address.applicationName ?? 'holdfast',
    prepare: prepare ?? address.prepare,
  };
  const { listen = true, pollIntervalMs = 250 } = options.announcements ?? {};
  const listenAt = typeof listen === 'string' ? parseUrl(listen, tls, 'announcements.listen') : address;
  const implementation = driver === 'postgres' ? postgresDriver : pgDriver;
  const main = new Pool(implementation, address, settings);
  const heartbeatPool = new Pool(implementation, address, {
    ...settings,
    max: HEARTBEAT_CONNECTIONS,
    // A slow link must not have to open a connection for a heartbeat.
    maxLifetimeMs: undefined,
  });
  try {
    const { engine, isDirect } = await main.use({}, (connection) =>
      detectOn(connection, settings.connectTimeoutMs),
    );
    if (!isDirect && engine.system === 'postgresql') {
      await checkSettings(main, address, settings.connectTimeoutMs);
      // It may hand each transaction to another server connection, on which the statement is not prepared.
      if (settings.prepare === undefined) for (const pool of [main, heartbeatPool]) pool.prepareNothing();
    }
    const ownClaims =
      isDirect && engine.system === 'postgresql'
        ? new Pool(implementation, addressForClaims(address), settings)
        : undefined;
    const telemetry = openTelemetry({
      system: engine.system,
      namespace: address.database,
      hosts: address.hosts,
      pools: observedPools(address, {
        main: [main, settings.max],
        ...(ownClaims ? { claims: [ownClaims, settings.max] as const } : {}),
        heartbeats: [heartbeatPool, HEARTBEAT_CONNECTIONS],
      }),
    });
    return new Database({
      pool: main,
      heartbeatPool,
      claims: new ClaimPool(engine, main, ownClaims),
      engine,
      telemetry,
      waiter: new Waiter({
        pool: main,
        pollMs: pollIntervalMs,
        listenPool:
          listen !== false && engine.system === 'postgresql'
            ? new Pool(implementation, listenAt, { ...settings, max: 1, maxLifetimeMs: undefined })
            : undefined,
        timeoutMs: settings.connectTimeoutMs,
      }),
      url: withTls(url, tls),
      closeTimeoutMs: options.closeTimeoutMs ?? CLOSE_WITHIN_MS,
      onClose: () => {
        telemetry.close();
        return onClose();
      },
    });
  } catch (error) {
    await main.close();
    throw error;
  }
}

/** The pools under the names that the semantic conventions propose: host:port/database, then which one. */
function observedPools(
  { hosts, database }: Address,
  pools: Readonly<Record<string, readonly [pool: Pool, max: number]>>,
) {
  const at = `${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`;
  return Object.entries(pools).map(([name, [pool, max]]) => ({
    name: `${at} ${name}`,
    max,
    read: () => pool.stats,
  }));
}
