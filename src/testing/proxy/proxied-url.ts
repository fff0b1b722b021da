import { type Address, parseUrl, withHost } from '../../database/index.ts';

/** Hosts and ports of a connection URL. */
export const endpointsOf = (url: string): Address['hosts'] => parseUrl(url).hosts;

/** The same database by way of a port of this machine. */
export const throughPort = (url: string, port: number): string => withHost(url, '127.0.0.1', port);
