import { MisuseError, sqlWords } from '../base/index.ts';
import { byText } from '../query/by-text.ts';
import { refuseCopyStreams } from './copy-streams.ts';

const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'PREPARE']);
const SAVEPOINT = new Set(['SAVEPOINT', 'RELEASE']);
const DDL = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'GRANT', 'REVOKE', 'COMMENT', 'REINDEX']);
const SETTINGS = new Set(['SET', 'RESET', 'DISCARD', 'LISTEN', 'UNLISTEN', 'DEALLOCATE', 'LOAD']);
/** SET with one of these ends with the transaction. */
const PASSING = new Set(['LOCAL', 'TRANSACTION', 'CONSTRAINTS']);

/**
 * Throws MisuseError for a statement that begins, ends or divides the transaction, for a setting that
 * would outlive it, and for DDL unless it is allowed. Looks at the first words alone; what else may stay with the
 * connection is reset when the connection comes back, see `noteState`.
 */
export function refuseForbidden(text: string, allowDdl: boolean): void {
  refuseCopyStreams(text);
  const complaint = insideComplaint(text);
  if (complaint === undefined || (allowDdl && complaint.startsWith('DDL'))) return;
  throw new MisuseError('HOLDFAST_FORBIDDEN_STATEMENT', complaint);
}

/** Throws MisuseError for transaction control and settings outside of a transaction. */
export function refuseLeftovers(text: string): void {
  refuseCopyStreams(text);
  const complaint = aloneComplaint(text);
  if (complaint !== undefined) throw new MisuseError('HOLDFAST_FORBIDDEN_STATEMENT', complaint);
}

const insideComplaint = byText((text) => {
  const [word = '', second = '', third = ''] = firstWords(text);
  const toSavepoint = word === 'ROLLBACK' && (second === 'TO' || third === 'TO');
  if (toSavepoint || SAVEPOINT.has(word))
    return `${toSavepoint ? 'ROLLBACK TO' : word} inside a transaction callback: a failure behind a savepoint of one's own fails the whole all the same; use tx.transact(...), which is a savepoint`;
  if (CONTROL.has(word))
    return `${word} inside a transaction callback: the helper begins and ends the transaction; return or throw instead`;
  if (SETTINGS.has(word) && !(word === 'SET' && PASSING.has(second)))
    return `${word} would outlive the transaction, on a connection that others use next: use SET LOCAL, or ALTER ROLE ... SET`;
  if (DDL.has(word))
    return `DDL (${word}) inside a transaction callback: on CockroachDB it may commit early; pass allowDdl: true if it is meant`;
  return undefined;
});

const aloneComplaint = byText((text) => {
  const [word = '', second = ''] = firstWords(text);
  // CockroachDB's SET CLUSTER SETTING is the server's, not the connection's.
  const stays = SETTINGS.has(word) && !(word === 'SET' && second === 'CLUSTER');
  if (!stays && !CONTROL.has(word) && !SAVEPOINT.has(word)) return undefined;
  const instead = stays ? 'use db.transact with SET LOCAL, or ALTER ROLE ... SET' : 'use db.transact';
  return `${word} on its own would stay with a connection that others use next: ${instead}`;
});

const TEMPORARY =
  /^CREATE (?:OR REPLACE )?(?:(?:LOCAL|GLOBAL) )?TEMP(?:ORARY)?\b|\bINTO (?:(?:LOCAL|GLOBAL) )?TEMP(?:ORARY)?\b/;
const SESSION_LOCK = /^PG_(?:TRY_)?ADVISORY_LOCK(?:_SHARED)?$/;

/**
 * What a statement is refused with wherever it runs, alone and in a transaction; or would leave on a connection that
 * is reset before anybody could use it. Undefined for all others.
 */
export function neverRuns(text: string): string | undefined {
  try {
    refuseCopyStreams(text);
    if (aloneComplaint(text) !== undefined) refuseForbidden(text, true);
  } catch (error) {
    if (error instanceof MisuseError) return error.message;
    throw error;
  }
  const words = [...sqlWords(text)];
  const lock = words.find((word, i) => SESSION_LOCK.test(word) && words[i + 1] === '(');
  if (lock !== undefined)
    return `${lock.toLowerCase()} would outlive the transaction, on a connection that others use next: use ${lock.toLowerCase().replace('lock', 'xact_lock')}`;
  const all = words.join(' ');
  if (
    (TEMPORARY.test(all) || (words[0] === 'CREATE' && words.includes('PG_TEMP'))) &&
    !/\bON COMMIT DROP\b/.test(all)
  )
    return 'a temporary table would outlive the transaction, on a connection that others use next: use WITH ... AS, or ON COMMIT DROP';
  return undefined;
}

function firstWords(text: string): string[] {
  const words: string[] = [];
  for (const word of sqlWords(text)) {
    if (word === ';' && words.length === 0) continue;
    if (words.push(word) === 3) break;
  }
  return words;
}
