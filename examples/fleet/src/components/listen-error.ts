import { HoldfastError } from '../../../../src/index.ts';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses it',
  EACCES: 'this account may not use it',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'this host has no such address',
};

/** A component cannot serve where it was told to. `message` says which flag to mend. */
export class ListenError extends HoldfastError {
  readonly code = 'HOLDFAST_FLEET_LISTEN';

  constructor(host: string, port: number, flag: string, cause: unknown) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    super(
      `cannot listen on ${host}:${port}: ${REASONS[code] ?? message}; name another address with ${flag}`,
      {
        cause,
      },
    );
  }
}
