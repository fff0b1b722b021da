import { invalidOption } from '../base/index.ts';
import type { ListPage, ListQuery, ListRow } from './pages.ts';

/**
 * Rows that each statement of a page reads at most: few, for most pages are full then; then more. The page ends with the last of
 * them, found or not, and the next one goes on there.
 */
const SCANS = [200, 2_000, 8_000, 8_000] as const;

/** What a statement gives that reads @scan rows, and of those the ones that are wanted and the last one. */
interface Scanned {
  readonly isLast: boolean;
  readonly scanned: bigint;
  readonly wanted: boolean;
}

/** A page of a list that is filtered on the way through its primary key. */
export async function scanPage<Row extends Scanned>(
  { after, size }: ListQuery,
  first: readonly string[],
  read: (after: readonly string[], page: bigint, scan: bigint) => Promise<readonly Row[]>,
  positionOf: (row: Row) => readonly string[],
  rowOf: (row: Row) => ListRow,
): Promise<ListPage> {
  const rows: ListRow[] = [];
  let position = positionFrom(after, first);
  for (const scan of SCANS) {
    // One more than is wanted tells whether there is more; the last row that was read may be none that is wanted.
    const found = await read(position, BigInt(size - rows.length + 2), BigInt(scan));
    for (const row of found) {
      if (row.wanted && rows.length === size) return { rows, next: position };
      if (row.wanted) rows.push(rowOf(row));
      position = positionOf(row);
    }
    const last = found.at(-1);
    if (!last || (last.isLast && last.scanned < BigInt(scan))) return { rows };
  }
  return { rows, next: position };
}

/** The position of a page, or the first. Throws MisuseError. */
export function positionFrom(
  after: readonly string[] | undefined,
  first: readonly string[],
): readonly string[] {
  if (after !== undefined && after.length !== first.length)
    throw invalidOption('after', 'is not a position of this list: begin with its first page');
  return after ?? first;
}

/** A number of a position, or of an argument. Throws MisuseError. */
export function numberFrom(text: string, what = 'after'): bigint {
  if (!/^-?\d{1,18}$/.test(text))
    throw what === 'after'
      ? invalidOption('after', 'is not a position of this list: begin with its first page')
      : invalidOption(what, 'expected a whole number');
  return BigInt(text);
}

/** A filter that is a UUID. Throws MisuseError. */
export function uuidFrom(name: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw invalidOption(name, 'expected a UUID');
  return text;
}

/** The cause of an action as the history keeps it. */
export const causeOf = ({ author, reason }: { readonly author: string; readonly reason: string }) =>
  `${reason} (by ${author})`;

/** An argument of an action. Throws MisuseError. */
export function argument(args: Readonly<Record<string, string>>, name: string): string {
  const value = args[name];
  if (value === undefined || value === '') throw invalidOption(name, 'expected a text');
  return value;
}
