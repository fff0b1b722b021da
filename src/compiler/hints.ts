import type { DatabaseError } from '../base/index.ts';

/** What to do about the engine's commonest complaints. */
export function engineHint(error: DatabaseError, cockroach: boolean): string | undefined {
  switch (error.code) {
    case '42P18':
      return 'say its type with a cast: @name::TEXT';
    case '42P08':
    case '42804':
      return cockroach || error.code === '42P08'
        ? 'a parameter has one type: cast every use of it to the same type'
        : undefined;
    case '42P01':
      return 'is the migration that creates it in the "schema" folders of the configuration?';
    case '42703':
      return 'column names are folded to lower case unless quoted; is the migration that adds it applied?';
    case '42883':
      return 'no function or operator takes these types: add casts';
    case '42601':
      return undefined;
    default:
      return undefined;
  }
}
