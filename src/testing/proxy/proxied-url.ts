import { parseUrl, withHost } from '../../database/index.ts';

/** Host and port of a connection URL. */
export function endpointOf(url: string): { readonly host: string; readonly port: number } {
  return parseUrl(url).hosts[0]!;
}

/** The same database by way of a port of this machine. */
export const throughPort = (url: string, port: number): string => withHost(url, '127.0.0.1', port);
