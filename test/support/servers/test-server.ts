/** The server that a whole test run uses. */
export interface TestServer {
  readonly engine: 'postgresql' | 'cockroachdb';
  /** URL with a role that may create databases. */
  readonly url: string;
  /** Was there before the run and goes on after it. */
  readonly given?: boolean;
  stop(): Promise<void>;
}
