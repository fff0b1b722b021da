import { CommanderError } from 'commander';
import type { ZodError } from 'zod';
import { DatabaseError, HoldfastError, isMisuse } from '../../base/index.ts';
import { UsageError } from './usage-error.ts';

/** 2 when the command line or an option is wrong, 1 for everything else that fails. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof UsageError || isMisuse(error, 'HOLDFAST_INVALID_OPTION') ? 2 : 1;
}

/** Writes one line to stderr; the stack too when asked for. */
export function reportError(error: unknown, options: { readonly debug: boolean }): void {
  // Help and version come as an "error" with code 0; commander has printed them.
  if (error instanceof CommanderError && error.exitCode === 0) return;
  process.stderr.write(`holdfast: ${messageOf(error)}\n`);
  if (options.debug && error instanceof Error)
    process.stderr.write(`${withoutPasswords(inspectStack(error))}\n`);
}

/** What an error says, in one line and without passwords. */
export const messageOf = (error: unknown): string => withoutPasswords(oneLine(describe(error)));

function describe(error: unknown): string {
  if (error instanceof CommanderError) {
    return error.code === 'commander.help'
      ? 'name a command: holdfast --help lists them'
      : `${error.message.replace(/^error: /, '')} (--help tells the usage)`;
  }
  if (error instanceof UsageError) return error.message;
  if (error instanceof DatabaseError) return `the database said: ${error.message} (SQLSTATE ${error.code})`;
  if (error instanceof HoldfastError) return error.message;
  if (isZodError(error)) {
    return error.issues
      .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
      .join('; ');
  }
  const message = error instanceof Error ? error.message || error.name : String(error);
  const isSystemError = error instanceof Error && 'syscall' in error;
  return isSystemError ? message : `unexpected: ${message} (run it again with --debug for the stack)`;
}

/** A database URL, to the quote behind it or the next space: of one that is wrong nobody knows where its password begins. */
const DATABASE_URL = /\b((?:postgres(?:ql)?|cockroachdb|mysql):\/+)([^'"\n]*(?=['"])|\S+)/gi;

/** The user and what is behind the last @, without parameters: a password may stand anywhere else. */
function withoutSecrets(rest: string): string {
  const at = rest.lastIndexOf('@');
  if (at < 0) return '***';
  const [user] = /^[^:@/?#]*/.exec(rest)!;
  return `${user}${user.length === at ? '' : ':***'}${rest.slice(at).replace(/\?.*/, '?***')}`;
}

/** What was typed in the wrong place comes back in the message about it. */
function withoutPasswords(text: string): string {
  return text
    .replace(DATABASE_URL, (_url, scheme: string, rest: string) => scheme + withoutSecrets(rest))
    .replace(/([^\s:@/'"]+):(?!\/\/)\S*@/g, '$1:***@')
    .replace(/\b(password=)[^\s&'"]*/gi, '$1***');
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

function inspectStack(error: Error): string {
  const stack = error.stack ?? String(error);
  return error.cause instanceof Error ? `${stack}\ncaused by: ${inspectStack(error.cause)}` : stack;
}

/** By name: to say what went wrong is no reason to load the library. */
function isZodError(error: unknown): error is ZodError {
  return error instanceof Error && error.name === 'ZodError' && 'issues' in error;
}
