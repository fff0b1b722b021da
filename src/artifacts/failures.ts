import { DownloadError, type DownloadPlace } from './errors.ts';

/** Milliseconds that a Retry-After header asks for, in seconds or as a date; undefined when it cannot be read. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // Date.parse makes a date of much that is none.
  const date = / GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const MAY_PASS = new Set([408, 425, 429, 500, 502, 503, 504]);

export function statusFailure(place: DownloadPlace, status: number, retryAfter: string | undefined) {
  const retryable = MAY_PASS.has(status);
  return new DownloadError(place, 'status', `the server answered ${status}`, {
    status,
    retryable,
    retryAfterMs: retryable ? retryAfterMs(retryAfter, Date.now()) : undefined,
  });
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
]);

/** What an error of the HTTP client means. */
export function clientFailure(place: DownloadPlace, cause: unknown): DownloadError {
  const { code: given, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  const code = String(given);
  const retryable = true;
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return new DownloadError(place, 'timeout', 'no connection was made in time', { cause, retryable });
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new DownloadError(place, 'timeout', 'the server did not answer in time', { cause, retryable });
    case 'UND_ERR_BODY_TIMEOUT':
      return new DownloadError(place, 'timeout', 'the server sent nothing for too long', {
        cause,
        retryable,
      });
  }
  if (UNREACHABLE.has(code))
    return new DownloadError(place, 'unreachable', `no connection could be made (${code})`, {
      cause,
      retryable,
    });
  if (/CERT|_SIGNED|^ERR_TLS|^ERR_SSL|UNABLE_TO_/.test(code))
    return new DownloadError(place, 'unreachable', `no trusted TLS connection could be made (${code})`, {
      cause,
    });
  const why = code === 'undefined' ? String(message) : code;
  return new DownloadError(place, 'interrupted', `the connection was lost (${why})`, { cause, retryable });
}
