import { AmbiguousCommitError, DatabaseError, sqlWords } from '../base/index.ts';
import type { Statement } from '../query/index.ts';
import type { Engine } from './engine.ts';

/**
 * Whether the error that answers a commit leaves open if the commit was carried out: CockroachDB's "result is
 * ambiguous", a cancel or a timeout that may have come too late, a server that failed on the way. For a statement that
 * commits by itself, every error of the statement counts.
 *
 * CockroachDB v22.1, its sessions canceled while they ran one-row INSERTs: 1,647 of 2,394 that were answered with 57014
 * were there; so were 24 of 36 of two-row ones that were answered with XXUUU.
 */
export const hidesOutcome = ({ code }: DatabaseError): boolean =>
  code === '40003' || code === '57014' || /^(08|57P0|58|XX(?!A00))/.test(code);

/** Turns the error of a statement that commits by itself into the one for the caller. */
export type Judge = (error: unknown) => unknown;

/** AmbiguousCommitError when the error hides the outcome: for callers that then ask what became of the statement. */
export const ambiguousIfHidden: Judge = (error) =>
  error instanceof DatabaseError && hidesOutcome(error) ? ambiguous(error) : error;

/**
 * The same for callers that do not ask. Every answer of PostgreSQL to a statement is definite, and a statement that
 * only reads has nothing to carry out.
 */
export const ambiguousIfApplied = ({ system }: Engine, statements: readonly Statement[]): Judge =>
  system === 'cockroachdb'
    ? (error) => (statements.every(reads) ? error : ambiguousIfHidden(error))
    : (error) => (error instanceof DatabaseError && error.code === '40003' ? ambiguous(error) : error);

const READING = new Set(['SELECT', 'SHOW', 'VALUES', 'TABLE', 'EXPLAIN']);

/** What begins with SELECT is taken for reading. */
export function reads({ text }: Statement): boolean {
  for (const word of sqlWords(text)) if (word !== '(') return READING.has(word);
  return false;
}

const ambiguous = (cause: DatabaseError) =>
  new AmbiguousCommitError('the server does not tell whether the statement was carried out', { cause });
