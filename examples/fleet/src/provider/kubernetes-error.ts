import { HoldfastError } from '../../../../src/index.ts';
import { ApiException } from './kubernetes-client.ts';

/** Longest that a server may make us wait, in milliseconds: a holder has better things to do than to sit on its work. */
const LONGEST_WAIT_MS = 10_000;
/** What goes by: too many requests, and a server that is not itself. */
const PASSING = new Set([429, 500, 502, 503, 504]);

/** The API server of Kubernetes refuses a request or does not answer. `message` is one line that says what was asked. */
export class KubernetesError extends HoldfastError {
  readonly code = 'HOLDFAST_FLEET_KUBERNETES';
  /** Of HTTP; undefined when there was no answer. */
  readonly status: number | undefined;
  /** What the server wants before the next try. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { status?: number; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The same request may succeed a little later. */
  get isPassing(): boolean {
    return this.status === undefined || PASSING.has(this.status);
  }
}

/** Of what the client throws. `what`: such as `make Pod machine-1`. */
export function kubernetesError(what: string, error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  if (error instanceof ApiException)
    return refused(what, error.code, error.body, error.headers['retry-after'], error);
  const { statusCode } = error as { readonly statusCode?: number };
  if (statusCode !== undefined) return refused(what, statusCode, undefined, undefined, error);
  return new KubernetesError(`the API server does not answer, asked to ${what}: ${reasonOf(error)}`, {
    cause: error,
  });
}

function refused(
  what: string,
  status: number,
  body: unknown,
  retryAfter: string | undefined,
  cause: unknown,
): KubernetesError {
  const seconds = Number(retryAfter ?? Number.NaN);
  // The client keeps back what a server says of this one.
  const why = status === 401 ? 'it does not know who asks' : messageOf(body);
  return new KubernetesError(`the API server refuses to ${what} (${status}): ${why}`, {
    status,
    cause,
    ...(Number.isFinite(seconds) && { retryAfterMs: Math.min(seconds * 1000, LONGEST_WAIT_MS) }),
  });
}

/** A Status has a message; a proxy in between may have written anything. */
function messageOf(body: unknown): string {
  let status = body;
  if (typeof body === 'string') {
    try {
      status = JSON.parse(body);
    } catch {
      return oneLine(body) || 'it says no more';
    }
  }
  const { message } = (status ?? {}) as { readonly message?: string };
  return oneLine(message ?? '') || 'it says no more';
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // `fetch failed` says nothing; what is behind it does.
  const { cause } = error;
  return oneLine(
    cause instanceof Error ? cause.message || ((cause as NodeJS.ErrnoException).code ?? '') : error.message,
  );
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim().slice(0, 500);
