import { ForbiddenStatementError } from '../errors/index.ts';

const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'PREPARE']);
const DDL = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'GRANT', 'REVOKE', 'COMMENT', 'REINDEX']);
const RESTART = /^(SAVEPOINT|RELEASE(?:\s+SAVEPOINT)?)\s+"?cockroach_restart/i;
const verdicts = new Map<string, string | undefined>();
const MOST_VERDICTS = 5_000;

/** Throws ForbiddenStatementError for what would end or break the transaction that the helper manages. */
export function refuseForbidden(text: string, allowDdl: boolean): void {
  let complaint = verdicts.get(text);
  if (complaint === undefined && !verdicts.has(text)) {
    complaint = complain(text);
    if (verdicts.size >= MOST_VERDICTS) verdicts.clear();
    verdicts.set(text, complaint);
  }
  if (complaint === undefined || (allowDdl && complaint.startsWith('DDL'))) return;
  throw new ForbiddenStatementError(complaint);
}

const LEAVES_STATE = new Set([
  ...CONTROL,
  ...[
    'SAVEPOINT',
    'RELEASE',
    'SET',
    'RESET',
    'DISCARD',
    'LISTEN',
    'UNLISTEN',
    'DEALLOCATE',
    'DECLARE',
    'LOAD',
  ],
]);
const lone = new Map<string, string | undefined>();

/**
 * Throws ForbiddenStatementError for what would leave something behind on a connection that others use next: an open
 * transaction, a setting, a cursor, a temporary table.
 */
export function refuseLeftovers(text: string): void {
  let complaint = lone.get(text);
  if (complaint === undefined && !lone.has(text)) {
    const bare = text.slice(statementStart(text));
    const word = /^[a-z]+/i.exec(bare)?.[0].toUpperCase() ?? '';
    const temporary = /^CREATE\s+((LOCAL|GLOBAL)\s+)?TEMP(ORARY)?\s/i.test(bare);
    if (temporary || (LEAVES_STATE.has(word) && !/^SET\s+CLUSTER\s/i.test(bare)))
      complaint = `${temporary ? 'CREATE TEMPORARY' : word} on its own would stay with a connection that others use next: use db.transact with SET LOCAL, or ALTER ROLE ... SET`;
    if (lone.size >= MOST_VERDICTS) lone.clear();
    lone.set(text, complaint);
  }
  if (complaint !== undefined) throw new ForbiddenStatementError(complaint);
}

/** Where the first word is: behind white space, semicolons and comments, which nest. */
function statementStart(text: string): number {
  const skip = /\s+|;|--[^\n]*|\/\*/y;
  for (let at = 0; ; at = skip.lastIndex) {
    skip.lastIndex = at;
    const match = skip.exec(text);
    if (!match) return at;
    if (match[0] === '/*') skip.lastIndex = commentEnd(text, skip.lastIndex);
  }
}

function commentEnd(text: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  for (let depth = 1; depth > 0; ) {
    const match = mark.exec(text);
    if (!match) return text.length;
    depth += match[0] === '/*' ? 1 : -1;
  }
  return mark.lastIndex;
}

function complain(text: string): string | undefined {
  const bare = text.slice(statementStart(text));
  const word = /^[a-z]+/i.exec(bare)?.[0].toUpperCase() ?? '';
  if (RESTART.test(bare))
    return 'the restart savepoint belongs to the transaction helper: remove the statement';
  if (
    CONTROL.has(word) &&
    !/^ROLLBACK\s+(?:WORK\s+|TRANSACTION\s+)?TO\s+(?!(?:SAVEPOINT\s+)?"?cockroach_restart)/i.test(bare)
  )
    return `${word} inside a transaction callback: the helper begins and ends the transaction; return or throw instead`;
  if (DDL.has(word))
    return `DDL (${word}) inside a transaction callback: on CockroachDB it may commit early; pass allowDdl: true if it is meant`;
  return undefined;
}
