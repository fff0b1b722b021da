import type { DatabaseError } from '../base/index.ts';
import type { CatalogTable } from './engine/catalog.ts';

/** What to do about the engine's commonest complaints. `marker` is how the file writes a parameter. */
export function engineHint(
  { code, message }: DatabaseError,
  marker: '@' | ':',
  cockroach: boolean,
  tables: Iterable<CatalogTable>,
): string | undefined {
  switch (code) {
    case '42P18':
      return `say its type with a cast: ${marker}name::TEXT`;
    case '42P08':
    case '42804':
      return cockroach || code === '42P08'
        ? 'a parameter has one type: cast every use of it to the same type'
        : undefined;
    case '42P01':
      return missingTable(message, tables);
    case '42703':
      return 'column names are folded to lower case unless quoted; is the migration that adds it applied?';
    case '42883':
      return 'no function or operator takes these types: add casts';
    default:
      return undefined;
  }
}

export const ownMigrations =
  'add "holdfast" to "schema" in the configuration: it names the library\'s own migrations';

function missingTable(message: string, tables: Iterable<CatalogTable>): string {
  // The table may well be there: the statement names it and does not read it.
  if (/FROM-clause/.test(message))
    return 'a column is called by the alias of its table: is that in FROM, and not in an inner query?';
  const name = /"([^"]+)"/.exec(message)?.[1];
  if (name?.startsWith('holdfast.')) return ownMigrations;
  const elsewhere = [...tables].filter((table) => table.name === name && table.schema !== 'public');
  if (elsewhere.length > 0)
    return `write ${elsewhere.map((table) => `${table.schema}.${table.name}`).join(' or ')}: names are looked up in public, whatever search_path the schema files set`;
  return 'is the migration that creates it in the "schema" folders of the configuration?';
}
