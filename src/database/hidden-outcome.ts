import { AmbiguousCommitError, DatabaseError } from '../base/index.ts';
import type { Statement } from '../query/index.ts';
import { wordsOf } from '../query/words.ts';
import type { Engine } from './engine.ts';

/**
 * Whether an error in answer to a commit leaves open whether it was carried out: CockroachDB's "result is ambiguous",
 * a cancel or a timeout that may have come too late, a server or a part of it that failed on the way. Where a
 * statement commits by itself that is any error of the statement.
 *
 * CockroachDB v22.1, its sessions canceled while they ran one-row INSERTs: 1,647 of 2,394 that were answered with 57014
 * were there; so were 24 of 36 of two-row ones that were answered with XXUUU.
 */
export const hidesOutcome = ({ code }: DatabaseError): boolean =>
  code === '40003' || code === '57014' || /^(08|57P0|58|XX(?!A00))/.test(code);

/** What an error is for whoever sent it in a statement that commits by itself. */
export type Judge = (error: unknown) => unknown;

/** AmbiguousCommitError when it hides the outcome: for who then looks what became of the statement. */
export const ambiguousIfHidden: Judge = (error) =>
  error instanceof DatabaseError && hidesOutcome(error) ? ambiguous(error) : error;

/**
 * The same for who does not look. PostgreSQL's answer to a statement is definite whatever it says, and of one that
 * only reads there is nothing to be carried out.
 */
export const ambiguousIfApplied = ({ system }: Engine, statements: readonly Statement[]): Judge =>
  system === 'cockroachdb'
    ? (error) => (statements.every(reads) ? error : ambiguousIfHidden(error))
    : (error) => (error instanceof DatabaseError && error.code === '40003' ? ambiguous(error) : error);

const READING = new Set(['SELECT', 'SHOW', 'VALUES', 'TABLE', 'EXPLAIN']);

function reads({ text }: Statement): boolean {
  for (const word of wordsOf(text)) if (word !== '(') return READING.has(word);
  return false;
}

const ambiguous = (cause: DatabaseError) =>
  new AmbiguousCommitError('the server does not tell whether the statement was carried out', { cause });
