import { ForbiddenStatementError } from '../base/index.ts';
import { refuseCopyStreams } from '../database/index.ts';
import { byText } from '../query/by-text.ts';
import { type Outlasting, outlasting } from './outlasting.ts';
import { type RunStatement, runStatement } from './run-statement.ts';

const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'PREPARE']);
const SAVEPOINT = new Set(['SAVEPOINT', 'RELEASE']);
const DDL = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'GRANT', 'REVOKE', 'COMMENT', 'REINDEX']);

/**
 * Throws ForbiddenStatementError for what would end or break the transaction that the helper manages, and for what
 * would outlive it and can be told by the statement's words: a setting, a cursor, a temporary table, a lock.
 */
export function refuseForbidden(text: string, allowDdl: boolean): void {
  refuseCopyStreams(text);
  const complaint = insideComplaint(text);
  if (complaint === undefined || (allowDdl && complaint.startsWith('DDL'))) return;
  throw new ForbiddenStatementError(complaint);
}

/**
 * Throws ForbiddenStatementError for what would leave something behind on a connection that others use next: an open
 * transaction, a setting, a cursor, a temporary table, a lock.
 */
export function refuseLeftovers(text: string): void {
  refuseCopyStreams(text);
  const complaint = aloneComplaint(text);
  if (complaint !== undefined) throw new ForbiddenStatementError(complaint);
}

const insideComplaint = byText((text) => {
  const statement = runStatement(text);
  return (
    statement && (controls(statement) ?? outlives(outlasting(statement, true)) ?? changesSchema(statement))
  );
});

const aloneComplaint = byText((text) => {
  const statement = runStatement(text);
  if (!statement) return undefined;
  const left = outlasting(statement, false);
  if (!left && !CONTROL.has(statement.word) && !SAVEPOINT.has(statement.word)) return undefined;
  return `${left?.what ?? statement.word} on its own would stay with a connection that others use next: ${left?.alone ?? 'use db.transact'}`;
});

function controls({ word, words }: RunStatement): string | undefined {
  const back = word === 'ROLLBACK' && (words[1] === 'TO' || words[2] === 'TO');
  if (back || SAVEPOINT.has(word))
    return `${back ? 'ROLLBACK TO' : word} inside a transaction callback: a failure behind a savepoint of one's own fails the whole all the same; use tx.transact(...), which is a savepoint`;
  if (CONTROL.has(word))
    return `${word} inside a transaction callback: the helper begins and ends the transaction; return or throw instead`;
  return undefined;
}

const outlives = (left: Outlasting | undefined) =>
  left && `${left.what} would outlive the transaction, on a connection that others use next: ${left.inside}`;

function changesSchema({ word, into }: RunStatement): string | undefined {
  if (!DDL.has(word) && into === undefined) return undefined;
  return `DDL (${into === undefined ? word : 'SELECT INTO'}) inside a transaction callback: on CockroachDB it may commit early; pass allowDdl: true if it is meant`;
}
