import type { RunStatement } from './run-statement.ts';

/** What of a statement stays with its connection when its transaction is over. */
export interface Outlasting {
  readonly what: string;
  /** What to do instead, inside of a transaction and on its own. */
  readonly inside: string;
  readonly alone: string;
}

const SETTINGS = new Set(['SET', 'RESET', 'DISCARD', 'LISTEN', 'UNLISTEN', 'DEALLOCATE', 'LOAD']);
/** Of SET: what ends with the transaction, or is the server's and not the connection's. */
const PASSING = new Set(['LOCAL', 'TRANSACTION', 'CONSTRAINTS', 'CLUSTER']);
const TEMPORARY = new Set(['TEMP', 'TEMPORARY']);
const SESSION_LOCKS = /^PG_(?:TRY_)?ADVISORY_LOCK(?:_SHARED)?$/;

const SET_LOCAL = 'use SET LOCAL, or ALTER ROLE ... SET';
const SET_LOCAL_ALONE = 'use db.transact with SET LOCAL, or ALTER ROLE ... SET';
const DROPPED = 'add ON COMMIT DROP, or use a CTE';
const DROPPED_ALONE = 'use db.transact and ON COMMIT DROP, or a CTE';

/**
 * What the statement would leave behind, where its words tell: not what a function or a DO block does inside.
 * `inTransaction`: what ends with the transaction is left out.
 */
export function outlasting(statement: RunStatement, inTransaction: boolean): Outlasting | undefined {
  const { word, words, into } = statement;
  if (SETTINGS.has(word)) {
    const passing = word === 'SET' && (inTransaction ? PASSING.has(words[1]!) : words[1] === 'CLUSTER');
    return passing ? undefined : { what: word, inside: SET_LOCAL, alone: SET_LOCAL_ALONE };
  }
  if (word === 'DECLARE' && (!inTransaction || includes(beforeQuery(words), 'WITH', 'HOLD'))) {
    const what = inTransaction ? 'a cursor WITH HOLD' : 'DECLARE';
    return { what, inside: 'declare it without', alone: 'use db.transact' };
  }
  if (
    word === 'CREATE' &&
    createsTemporary(words) &&
    !(inTransaction && includes(words, 'ON', 'COMMIT', 'DROP'))
  )
    return { what: 'what is created temporary', inside: DROPPED, alone: DROPPED_ALONE };
  if (into && temporaryName(into))
    return { what: 'SELECT INTO a temporary table', inside: 'use a CTE', alone: 'use a CTE' };
  return names(statement) ? undefined : byFunction(words);
}

const NAMING = new Set(['CREATE', 'ALTER', 'DROP', 'GRANT', 'REVOKE', 'COMMENT']);

/** It names functions, and calls none. */
const names = ({ word, words }: RunStatement) =>
  NAMING.has(word) && !includes(words, 'AS', 'SELECT') && !includes(words, 'AS', 'WITH');

/** Of DECLARE: what is said of the cursor. */
const beforeQuery = (words: readonly string[]) =>
  words.includes('FOR') ? words.slice(0, words.indexOf('FOR')) : words;

function byFunction(words: readonly string[]): Outlasting | undefined {
  for (let at = 0; at < words.length; at++) {
    if (words[at + 1] !== '(' || words[at - 1] === 'INTO') continue;
    if (words[at] === 'SET_CONFIG' && argumentsAt(words, at + 2)[2]?.join() !== 'TRUE')
      return {
        what: 'set_config',
        inside: 'give true as its third argument',
        alone: SET_LOCAL_ALONE,
      };
    if (SESSION_LOCKS.test(words[at]!))
      return {
        what: `the lock of ${words[at]!.toLowerCase()}`,
        inside: 'use pg_advisory_xact_lock or pg_try_advisory_xact_lock',
        alone: 'use db.transact with pg_advisory_xact_lock or pg_try_advisory_xact_lock',
      };
  }
  return undefined;
}

/** CREATE [OR REPLACE] [LOCAL | GLOBAL] TEMP, or anything that is in or reads the schema of temporary objects. */
const createsTemporary = (words: readonly string[]) =>
  words.slice(1, 5).some((word, i) => TEMPORARY.has(word) && words.slice(1, i + 1).every(isPrefix)) ||
  includes(words, 'PG_TEMP', '.');

const isPrefix = (word: string) => ['OR', 'REPLACE', 'LOCAL', 'GLOBAL'].includes(word);

const temporaryName = ([first, second]: readonly string[]) =>
  TEMPORARY.has(first!) ||
  ((first === 'LOCAL' || first === 'GLOBAL') && TEMPORARY.has(second!)) ||
  (first === 'PG_TEMP' && second === '.');

/** The words of each argument of a call whose first begins at `start`. */
function argumentsAt(words: readonly string[], start: number): string[][] {
  const given: string[][] = [[]];
  let depth = 0;
  for (const word of words.slice(start)) {
    if (word === '(' || word === '[') depth++;
    if (word === ')' || word === ']') depth--;
    if (depth < 0) break;
    if (word === ',' && depth === 0) given.push([]);
    else given.at(-1)!.push(word);
  }
  return given;
}

const includes = (words: readonly string[], ...wanted: readonly string[]) =>
  words.some((_, at) => wanted.every((word, i) => words[at + i] === word));
