/** The command line itself is wrong; exit code 2. `message` says what and how to mend it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
