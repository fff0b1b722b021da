/** An error as an operator wants to read it in the history: message and code, no stack. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error).replaceAll('\0', ' ').slice(0, 2_000);
  const { code } = error as { code?: unknown };
  return `${typeof code === 'string' ? `${code}: ` : ''}${error.message}`
    .replaceAll('\0', ' ')
    .slice(0, 2_000);
}
