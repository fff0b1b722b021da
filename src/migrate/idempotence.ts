import { sqlWords } from '../base/index.ts';
import { invalidFile, type Script } from './script.ts';

interface Rule {
  readonly matches: RegExp;
  readonly wants: RegExp;
  readonly advice: string;
}

const ifNotExists = (what: string, wants = /\bIF\s+NOT\s+EXISTS\b/i): Rule => ({
  matches: new RegExp(String.raw`^CREATE\s+${what}\b`, 'i'),
  wants,
  advice: 'write CREATE ... IF NOT EXISTS',
});

const rules: readonly Rule[] = [
  ifNotExists(String.raw`(UNLOGGED\s+)?TABLE`),
  ifNotExists(String.raw`(UNIQUE\s+|INVERTED\s+)*INDEX`),
  {
    matches: /^CREATE (?:OR REPLACE )?(?:GLOBAL |LOCAL )?TEMP(?:ORARY)?\b/,
    wants: /(?!)/,
    advice: 'what is temporary would be gone then: make a table, and drop it in the end',
  },
  ifNotExists('SCHEMA'),
  ifNotExists('SEQUENCE'),
  {
    matches: /^CREATE\s+VIEW\b/i,
    wants: /\bIF\s+NOT\s+EXISTS\b/i,
    advice: 'write CREATE OR REPLACE VIEW',
  },
  { matches: /^DROP\s/i, wants: /\bIF\s+EXISTS\b/i, advice: 'write DROP ... IF EXISTS' },
  {
    matches: /^ALTER\s+TABLE\b[^;]*?\bADD\s+COLUMN\b/i,
    wants: /\bADD\s+COLUMN\s+IF\s+NOT\s+EXISTS\b/i,
    advice: 'write ADD COLUMN IF NOT EXISTS',
  },
  {
    matches: /^ALTER\s+TABLE\b[^;]*?\bDROP\s+(COLUMN|CONSTRAINT)\b/i,
    wants: /\bDROP\s+(COLUMN|CONSTRAINT)\s+IF\s+EXISTS\b/i,
    advice: 'write DROP ... IF EXISTS',
  },
  {
    matches: /^(WITH\b[^;]*\b)?INSERT\s+INTO\b/i,
    wants: /\bON\s+CONFLICT\b|\bNOT\s+EXISTS\b/i,
    advice: 'add ON CONFLICT, or it would insert twice',
  },
  {
    matches: /^ALTER\s+TYPE\b[^;]*\bADD\s+VALUE\b/i,
    wants: /\bADD\s+VALUE\s+IF\s+NOT\s+EXISTS\b/i,
    advice: 'write ADD VALUE IF NOT EXISTS',
  },
];

/**
 * Where statements are not in one transaction with their record, each may run twice: once before a crash,
 * once after. Refuses those that can be told not to bear it. It cannot tell all (`SET n = n + 1`).
 *
 * @throws MigrationError `invalid-file`.
 */
export function assertIdempotent({ file, statements }: Script): void {
  for (const { text, line } of statements) {
    const words = wordsOf(text);
    const broken = rules.find(({ matches, wants }) => matches.test(words) && !wants.test(words));
    if (broken !== undefined)
      throw invalidFile(
        `${file}:${line}`,
        `this statement could not be run again after an interruption: ${broken.advice}`,
      );
  }
}

/** What is in strings and comments is none of its words. */
const wordsOf = (statement: string) => [...sqlWords(statement)].join(' ');

/** SQLSTATEs by which a statement says that what it makes is there. */
const isThere: ReadonlySet<string> = new Set([
  '42P04', // duplicate database
  '42P06', // duplicate schema
  '42P07', // duplicate table
  '42701', // duplicate column
  '42710', // duplicate object
  '42723', // duplicate function
]);

/** SQLSTATEs by which it says that what it takes away is gone. */
const isGone: ReadonlySet<string> = new Set([
  '3F000', // undefined schema
  '42P01', // undefined table
  '42703', // undefined column
  '42704', // undefined object
  '42883', // undefined function
]);

/**
 * Whether an error means that the statement was done before, for those that have no IF [NOT] EXISTS on both engines
 * (CREATE TYPE, RENAME, ADD CONSTRAINT). Of another statement (UPDATE, VALIDATE CONSTRAINT) it means a mistake.
 */
export function wasDone(statement: string, code: string): boolean {
  const words = wordsOf(statement);
  const renames = /^ALTER\b.* (?:RENAME|SET SCHEMA)\b/.test(words);
  if (isThere.has(code)) return renames || /^CREATE\b|^ALTER\b.* (?:ADD|ATTACH)\b/.test(words);
  return isGone.has(code) && (renames || /^DROP\b|^ALTER\b.* (?:DROP|DETACH)\b/.test(words));
}

/** The same when it runs on what is half applied, or half taken back, by the opposite direction. */
export const mayBeDone = (code: string) => isThere.has(code) || isGone.has(code);
