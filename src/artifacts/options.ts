import { z } from 'zod';

const ms = z.number().positive();
const count = z.int().min(1).max(10_000);

/** Options of a `Downloader`. Durations are milliseconds, sizes bytes. */
export const downloaderSchema = z.strictObject({
  /** Requests at once to one host (scheme, name and port), 1 to 10,000. Default 8. */
  perHost: count.optional(),
  /** Requests at once to all hosts, 1 to 10,000. Default 64. */
  total: count.optional(),
  /** Further attempts with a URL whose failure may pass: no connection, a time limit, a cut body, 408, 425, 429, 5xx. Default 4. */
  retries: z.int().min(0).max(100).optional(),
  /** Pause before the second attempt; each further one is twice as long, up to 30 s. Default 500. */
  backoffMs: z.number().nonnegative().optional(),
  /** A host that says Retry-After is left alone for that long, at most this. Default 120,000. */
  retryAfterMaxMs: z.number().nonnegative().optional(),
  /** Longest wait for a connection. Default 10,000. */
  connectTimeoutMs: ms.optional(),
  /** Longest wait for the headers of an answer. Default 60,000. */
  headersTimeoutMs: ms.optional(),
  /** Longest time without a byte of a body; the whole has no limit. Default 60,000. */
  idleTimeoutMs: ms.optional(),
  /** Most bytes of a file. Default 16 GiB. */
  maxBytes: z.number().nonnegative().optional(),
  /** Most bytes of what `text` and `json` get, after decompression. Default 128 MiB. */
  maxTextBytes: z.number().nonnegative().optional(),
  /** Redirects followed one after another. Default 10. */
  redirects: z.int().min(0).max(100).optional(),
  /** Value of the User-Agent header. Default `holdfast`. */
  userAgent: z.string().min(1).optional(),
  /**
   * Headers by origin, such as `{ 'https://registry.example': { authorization: 'Bearer ...' } }`. They go to that
   * origin alone, also when another one redirects to it. Default: none.
   */
  headers: z.record(z.string(), z.record(z.string(), z.string())).optional(),
  /** Proxy for http URLs. Default: `http_proxy`, then `HTTP_PROXY`. */
  httpProxy: z.string().optional(),
  /** Proxy for https URLs. Default: `https_proxy`, then `HTTPS_PROXY`, then the one for http. */
  httpsProxy: z.string().optional(),
  /** Hosts that no proxy is used for, with commas between them. Default: `no_proxy`, then `NO_PROXY`. */
  noProxy: z.string().optional(),
});

export type DownloaderOptions = z.input<typeof downloaderSchema>;
