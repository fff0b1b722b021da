import { HoldfastError } from '../base/index.ts';
import type { DigestAlgorithm } from './digests.ts';

/** What every error about one URL says: what was wanted, and where. Neither has a password or a query. */
export interface DownloadPlace {
  /** As errors show it: without user, password and the values of a query. */
  readonly url: string;
  /** What the caller was after, such as `file foo/bar`. */
  readonly subject: string | undefined;
}

const at = ({ subject, url }: DownloadPlace) => (subject === undefined ? url : `${subject} from ${url}`);

/** The bytes that a server sent are not the declared ones. Nothing of them is kept. */
export class DigestMismatchError extends HoldfastError {
  readonly code = 'HOLDFAST_DIGEST_MISMATCH';
  readonly url: string;
  readonly subject: string | undefined;
  readonly algorithm: DigestAlgorithm;
  readonly expected: string;
  readonly found: string;

  constructor(place: DownloadPlace, algorithm: DigestAlgorithm, expected: string, found: string, hint = '') {
    super(`${at(place)}: the ${algorithm} is ${found}, expected ${expected}${hint}`);
    this.url = place.url;
    this.subject = place.subject;
    this.algorithm = algorithm;
    this.expected = expected;
    this.found = found;
  }
}

/** A server sent, or announced, another number of bytes than the declared one. Nothing of them is kept. */
export class SizeMismatchError extends HoldfastError {
  readonly code = 'HOLDFAST_SIZE_MISMATCH';
  readonly url: string;
  readonly subject: string | undefined;
  /** Bytes. */
  readonly expected: number;
  /** Bytes that came or were announced; with `more`, there were more than these. */
  readonly found: number;
  readonly more: boolean;

  constructor(place: DownloadPlace, expected: number, found: number, { more = false, hint = '' } = {}) {
    super(
      `${at(place)}: the size is ${more ? 'more than ' : ''}${found} bytes, expected ${expected} bytes${hint}`,
    );
    this.url = place.url;
    this.subject = place.subject;
    this.expected = expected;
    this.found = found;
    this.more = more;
  }
}

/**
 * Why a URL gave nothing:
 * - `unreachable`: no connection could be made
 * - `timeout`: no connection, no headers, or no byte in time
 * - `interrupted`: the connection ended before the body did, or what came is not HTTP
 * - `status`: the server refused; `status` says how
 * - `redirect`: it redirects without end, from https to http, or to what is no HTTP URL
 * - `too-large`: more bytes than allowed
 * - `encoded`: the server sent it compressed though asked not to, and no digest tells what was meant
 * - `invalid-text`: it is not UTF-8, or not JSON
 */
export type DownloadFailure =
  | 'unreachable'
  | 'timeout'
  | 'interrupted'
  | 'status'
  | 'redirect'
  | 'too-large'
  | 'encoded'
  | 'invalid-text';

/** A URL could not be downloaded, also not by retries where those make sense. Nothing of it is kept. */
export class DownloadError extends HoldfastError {
  readonly code = 'HOLDFAST_DOWNLOAD';
  readonly reason: DownloadFailure;
  readonly url: string;
  readonly subject: string | undefined;
  /** HTTP status, for `status`. */
  readonly status: number | undefined;
  /** How long the server asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Another attempt may succeed. */
  readonly retryable: boolean;

  constructor(
    place: DownloadPlace,
    reason: DownloadFailure,
    message: string,
    options: {
      status?: number;
      retryAfterMs?: number | undefined;
      retryable?: boolean;
      cause?: unknown;
    } = {},
  ) {
    super(`${at(place)}: ${message}`, options);
    this.reason = reason;
    this.url = place.url;
    this.subject = place.subject;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? false;
  }
}

/** Each URL of a download failed. `errors` says of each how, in the order of the URLs. */
export class AllUrlsFailedError extends HoldfastError {
  readonly code = 'HOLDFAST_ALL_URLS_FAILED';
  readonly subject: string | undefined;
  readonly errors: readonly RemoteError[];

  constructor(subject: string | undefined, errors: readonly RemoteError[]) {
    const each = errors.map(({ message }) => message).join('; ');
    super(`${subject === undefined ? '' : `${subject}: `}none of ${errors.length} URLs gave it: ${each}`);
    this.subject = subject;
    this.errors = errors;
  }
}

/** What a server is to blame for, so that another URL may do better. */
export type RemoteError = DigestMismatchError | SizeMismatchError | DownloadError;

export const isRemoteError = (error: unknown): error is RemoteError =>
  error instanceof DigestMismatchError ||
  error instanceof SizeMismatchError ||
  error instanceof DownloadError;

/** The store has no such artifact. */
export class ArtifactMissingError extends HoldfastError {
  readonly code = 'HOLDFAST_ARTIFACT_MISSING';
  readonly sha256: string;

  constructor(sha256: string) {
    super(`the store has no artifact ${sha256}`);
    this.sha256 = sha256;
  }
}

/**
 * Why a store could not do it:
 * - `full`: no space is left, or a quota is used up
 * - `access`: it may not be read or written, or the credentials are wrong
 * - `not-found`: the folder cannot be made, or the bucket does not exist
 * - `unavailable`: it does not answer
 * - `refused`: anything else; the original error is in `cause`
 */
export type StoreFailure = 'full' | 'access' | 'not-found' | 'unavailable' | 'refused';

/** The store could not read or write. It holds no half file. */
export class ArtifactStoreError extends HoldfastError {
  readonly code = 'HOLDFAST_ARTIFACT_STORE';
  readonly reason: StoreFailure;

  constructor(reason: StoreFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
