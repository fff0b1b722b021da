import {
  type DriverConnection,
  type DriverOptions,
  parseUrl,
  pgDriver,
  postgresDriver,
} from '../../src/database/index.ts';

/** Driver options of a URL. */
export function driverOptions(url: string, more: Partial<DriverOptions> = {}): DriverOptions {
  const { hosts, user, password, database, transports, serverOptions } = parseUrl(url);
  return {
    ...hosts[0]!,
    user,
    password,
    database,
    tls: transports()[0],
    serverOptions,
    applicationName: 'holdfast-test',
    connectTimeoutMs: 10_000,
    ...more,
  };
}

/** One bare connection of a driver, without the pool. */
export function openConnection(
  driver: 'pg' | 'postgres',
  url: string,
  more: Partial<DriverOptions> = {},
): Promise<DriverConnection> {
  return (driver === 'pg' ? pgDriver : postgresDriver).open(driverOptions(url, more));
}
