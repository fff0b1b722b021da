import type { Statement } from '../../src/query/index.ts';

/** The statement with its values in it, as text literals: EXPLAIN takes no parameters. */
export const inlined = ({ text, values }: Statement): string =>
  text.replace(/\$(\d+)/g, (_, n) => {
    const value = values[Number(n) - 1];
    return value === null || value === undefined ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
  });
