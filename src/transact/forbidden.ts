import { ForbiddenStatementError } from '../errors/index.ts';

const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'PREPARE']);
const DDL = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'GRANT', 'REVOKE', 'COMMENT', 'REINDEX']);
/** What they do outlives the transaction, on a connection that others use next. */
const OUTLASTING = new Set(['SET', 'RESET', 'DISCARD', 'LISTEN', 'UNLISTEN', 'DEALLOCATE', 'LOAD']);
/** Of the words above, what ends with the transaction after all, or is the server's and not the connection's. */
const PASSING = /^SET\s+(?:LOCAL|TRANSACTION|CONSTRAINTS|CLUSTER)\s/i;
const TEMPORARY = /^CREATE\s+(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?\s/i;
const RESTART = /^(SAVEPOINT|RELEASE(?:\s+SAVEPOINT)?)\s+"?cockroach_restart/i;
const MOST_VERDICTS = 5_000;

/** The same, looked at once for each text. */
function remembered(judge: (text: string) => string | undefined): (text: string) => string | undefined {
  const verdicts = new Map<string, string | undefined>();
  return (text) => {
    if (verdicts.has(text)) return verdicts.get(text);
    if (verdicts.size >= MOST_VERDICTS) verdicts.clear();
    const complaint = judge(text);
    verdicts.set(text, complaint);
    return complaint;
  };
}
const insideComplaint = remembered(complain);
const aloneComplaint = remembered(complainAlone);

/**
 * Throws ForbiddenStatementError for what would end or break the transaction that the helper manages, and for what
 * would outlive it: a setting, a cursor, a temporary table.
 */
export function refuseForbidden(text: string, allowDdl: boolean): void {
  const complaint = insideComplaint(text);
  if (complaint === undefined || (allowDdl && complaint.startsWith('DDL'))) return;
  throw new ForbiddenStatementError(complaint);
}

const LEAVES_STATE = new Set([...CONTROL, ...OUTLASTING, 'SAVEPOINT', 'RELEASE', 'DECLARE']);

/**
 * Throws ForbiddenStatementError for what would leave something behind on a connection that others use next: an open
 * transaction, a setting, a cursor, a temporary table.
 */
export function refuseLeftovers(text: string): void {
  const complaint = aloneComplaint(text);
  if (complaint !== undefined) throw new ForbiddenStatementError(complaint);
}

function complainAlone(text: string): string | undefined {
  const { bare, word } = begins(text);
  const temporary = TEMPORARY.test(bare);
  if (!temporary && (!LEAVES_STATE.has(word) || /^SET\s+CLUSTER\s/i.test(bare))) return undefined;
  return `${temporary ? 'CREATE TEMPORARY' : word} on its own would stay with a connection that others use next: use db.transact with SET LOCAL, or ALTER ROLE ... SET`;
}

/** What a text begins with, and its first word in capitals. */
function begins(text: string): { readonly bare: string; readonly word: string } {
  const bare = text.slice(statementStart(text));
  return { bare, word: /^[a-z]+/i.exec(bare)?.[0].toUpperCase() ?? '' };
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
  const { bare, word } = begins(text);
  if (RESTART.test(bare))
    return 'the restart savepoint belongs to the transaction helper: remove the statement';
  if (
    CONTROL.has(word) &&
    !/^ROLLBACK\s+(?:WORK\s+|TRANSACTION\s+)?TO\s+(?!(?:SAVEPOINT\s+)?"?cockroach_restart)/i.test(bare)
  )
    return `${word} inside a transaction callback: the helper begins and ends the transaction; return or throw instead`;
  if (OUTLASTING.has(word) && !PASSING.test(bare))
    return `${word} would outlive the transaction, on a connection that others use next: use SET LOCAL, or ALTER ROLE ... SET`;
  if (word === 'DECLARE' && /\sWITH\s+HOLD\s/i.test(bare))
    return 'a cursor WITH HOLD would outlive the transaction, on a connection that others use next: declare it without';
  if (TEMPORARY.test(bare) && !/\sON\s+COMMIT\s+DROP\b/i.test(bare))
    return 'a temporary table would outlive the transaction, on a connection that others use next: add ON COMMIT DROP, or use a CTE';
  if (DDL.has(word))
    return `DDL (${word}) inside a transaction callback: on CockroachDB it may commit early; pass allowDdl: true if it is meant`;
  return undefined;
}
