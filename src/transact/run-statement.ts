import { wordsOf } from '../query/words.ts';

/** What a text makes the server run, as far as its words tell. */
export interface RunStatement {
  /** The first. */
  readonly word: string;
  /** All, or only the first few when the rest does not matter. */
  readonly words: readonly string[];
  /** Of SELECT ... INTO: the words behind INTO. */
  readonly into: readonly string[] | undefined;
}

const HEAD = 12;
/** What is worth reading a statement to its end for. */
const TELLING = /set_config|advisory|pg_temp/i;
const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE', 'UPSERT', 'MERGE', 'VALUES', 'TABLE']);
const READS = new Set(['SELECT', 'WITH', '(']);
const EXPLAIN_OPTIONS = new Set(['ANALYZE', 'ANALYSE', 'VERBOSE', 'DISTSQL', 'DEBUG']);
/** What stands before an INTO that makes no table: INSERT INTO and the like, `AS into`, `t.into`. */
const OTHER_INTO = new Set(['INSERT', 'UPSERT', 'MERGE', 'AS', '.']);

/** Undefined for a text that runs nothing: an empty one, an EXPLAIN without ANALYZE. */
export function runStatement(text: string): RunStatement | undefined {
  const words = explained(withoutSemicolons(wordsFor(text)));
  const [word] = words;
  if (word === undefined) return undefined;
  return { word, words, into: READS.has(word) ? intoOf(words) : undefined };
}

function wordsFor(text: string): string[] {
  const head: string[] = [];
  for (const word of wordsOf(text)) {
    if (head.push(word) === HEAD) break;
  }
  const first = head.find((word) => word !== ';') ?? '';
  const enough = head.length < HEAD || CHANGES.has(first) || (READS.has(first) && !/\binto\b/i.test(text));
  return enough && !TELLING.test(text) ? head : [...wordsOf(text)];
}

function withoutSemicolons(words: string[]): string[] {
  const start = words.findIndex((word) => word !== ';');
  return start < 0 ? [] : words.slice(start);
}

/** EXPLAIN ANALYZE runs what it explains. */
function explained(words: string[]): string[] {
  if (words[0] !== 'EXPLAIN') return words;
  let at = 1;
  for (;;) {
    if (EXPLAIN_OPTIONS.has(words[at]!)) at++;
    else if (words[at] === '(' && !READS.has(words[at + 1]!)) at = words.indexOf(')', at) + 1 || words.length;
    else break;
  }
  const analyzes = words.slice(0, at).some((word) => word === 'ANALYZE' || word === 'ANALYSE');
  return analyzes ? words.slice(at) : [];
}

function intoOf(words: readonly string[]): readonly string[] | undefined {
  const at = words.findIndex((word, i) => word === 'INTO' && !OTHER_INTO.has(words[i - 1]!));
  return at < 0 ? undefined : words.slice(at + 1);
}
