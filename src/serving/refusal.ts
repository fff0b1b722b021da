import { ConnectError, ConnectionLostError, DatabaseClosedError, PoolTimeoutError } from '../base/index.ts';
import {
  AllUrlsFailedError,
  ArtifactMissingError,
  ArtifactStoreError,
  DigestMismatchError,
  DownloadError,
  SizeMismatchError,
} from '../sync/index.ts';

/** A request that gets no file: a status, and a line for the client. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, line: string, headers: Readonly<Record<string, string>> = {}) {
    super(line);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * What a client is told of an error. Never its message, which may name folders, hosts and statements: `onError` gets that.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof AllUrlsFailedError) {
    const late = error.errors.every((one) => one instanceof DownloadError && one.reason === 'timeout');
    return late
      ? LATE
      : new Refusal(502, `upstream failed: none of ${error.errors.length} URLs gave the file`);
  }
  if (error instanceof DigestMismatchError)
    return new Refusal(502, `upstream sent other bytes than declared: the ${error.algorithm} is wrong`);
  if (error instanceof SizeMismatchError)
    return new Refusal(502, 'upstream sent other bytes than declared: the size is wrong');
  if (error instanceof DownloadError) {
    if (error.reason === 'timeout') return LATE;
    const how = error.status === undefined ? error.reason : `it answered ${error.status}`;
    return new Refusal(502, `upstream failed: ${how}`);
  }
  if (error instanceof ArtifactMissingError)
    return new Refusal(502, 'the file is not in the store, and no remote has it');
  if (error instanceof ArtifactStoreError) return new Refusal(503, 'the store cannot be used now');
  const isAway =
    error instanceof ConnectError ||
    error instanceof ConnectionLostError ||
    error instanceof DatabaseClosedError ||
    error instanceof PoolTimeoutError;
  return isAway
    ? new Refusal(503, 'the database cannot be asked now')
    : new Refusal(500, 'the server failed');
}

const LATE = new Refusal(504, 'upstream did not answer in time');
