import { splitStatements, sqlWords } from '../../src/base/index.ts';

/** What a released schema bears while the release before it still works on it; see CONTRIBUTING.md. */
const ALLOWED =
  'a new release may CREATE TABLE, CREATE INDEX, CREATE OR REPLACE VIEW, and ADD COLUMN that is nullable or has a default';

/** What is not additive in a migration: a line for each statement. */
export function notAdditive(sql: string): string[] {
  const statements = splitStatements(sql).map(({ text, line }) => ({ line, words: [...sqlWords(text)] }));
  const made = new Set(statements.flatMap(({ words }) => nameBehind(words, ['CREATE', 'TABLE']) ?? []));
  return statements
    .filter(({ words }) => !isAdditive(words, made))
    .map(({ line, words }) => `line ${line}: ${words.slice(0, 6).join(' ')} ...: ${ALLOWED}`);
}

function isAdditive(words: readonly string[], made: ReadonlySet<string>): boolean {
  const text = words.join(' ');
  if (/^CREATE TABLE /.test(text)) return !/ AS (SELECT|WITH) /.test(text);
  if (/^CREATE OR REPLACE VIEW /.test(text)) return true;
  if (/^CREATE INDEX /.test(text)) return true;
  // On a table that the old release knows it could refuse what that one writes.
  if (/^CREATE UNIQUE INDEX /.test(text)) return made.has(/ ON ((?:\w+ \. )?\w+) /.exec(text)?.[1] ?? '');
  const change = /^ALTER TABLE (?:IF EXISTS )?(?:\w+ \. )?\w+ (.*)$/.exec(text);
  return change !== null && actionsOf(change[1]!.split(' ')).every(isNewColumn);
}

function nameBehind(words: readonly string[], start: readonly string[]): string | undefined {
  const text = words.join(' ');
  return new RegExp(`^${start.join(' ')} (?:IF NOT EXISTS )?((?:\\w+ \\. )?\\w+) `).exec(text)?.[1];
}

/** What stands between the commas of an ALTER TABLE. */
function actionsOf(words: readonly string[]): string[] {
  const actions: string[][] = [[]];
  let depth = 0;
  for (const word of words) {
    if (word === '(') depth++;
    if (word === ')') depth--;
    if (word === ',' && depth === 0) actions.push([]);
    else actions.at(-1)!.push(word);
  }
  return actions.map((action) => action.join(' '));
}

/** The old release writes rows without it: they get null or the default, and nothing that they hold is refused. */
function isNewColumn(action: string): boolean {
  if (!/^ADD COLUMN /.test(action) || / (UNIQUE|PRIMARY|REFERENCES)\b/.test(action)) return false;
  return !/ NOT NULL\b/.test(action) || / DEFAULT (?!NULL\b)/.test(action);
}
