/** Where the columns of a result go in the row object. */
export interface RowLayout {
  /** The field of each column, in the row or in the object that it belongs to. */
  readonly fields: readonly string[];
  /** Runs of columns that are objects of their own. */
  readonly objects: readonly { readonly field: string; readonly from: number; readonly to: number }[];
}

/**
 * Names the fields of a row. A column without a name is called after its place, `column2`, and one whose name another
 * has before it is numbered, `id2`: so does sqlc. `embedded` is the table of sqlc.embed by column.
 */
export function layOut(
  columns: readonly string[],
  embedded: ReadonlyMap<number, string>,
  field: (name: string) => string,
): RowLayout {
  const objects: { table: string; from: number; to: number }[] = [];
  for (const [i, name] of columns.entries()) {
    const table = embedded.get(i);
    if (table === undefined) continue;
    const last = objects.at(-1);
    // The same table embedded twice in a row begins anew with its first column.
    const again = last && columns.slice(last.from, last.to).includes(name);
    if (last && last.to === i && last.table === table && !again) last.to = i + 1;
    else objects.push({ table, from: i, to: i + 1 });
  }
  const named = (i: number) => (hasName(columns[i]!) && field(columns[i]!)) || field(`column_${i + 1}`);
  const inside = (i: number) => objects.find(({ from, to }) => i >= from && i < to);
  const outer = columns.flatMap((_, i) => {
    const object = inside(i);
    return object === undefined ? [named(i)] : object.from === i ? [field(object.table)] : [];
  });
  const apart = distinct(outer);
  const fields = columns.map(() => '');
  const shown: { field: string; from: number; to: number }[] = [];
  for (let i = 0, at = 0; i < columns.length; at++) {
    const object = inside(i);
    if (object === undefined) fields[i++] = apart[at]!;
    else {
      const { from, to } = object;
      shown.push({ field: apart[at]!, from, to });
      const own = distinct(columns.slice(from, to).map((_, k) => named(from + k)));
      for (const name of own) fields[i++] = name;
    }
  }
  return { fields, objects: shown };
}

/** Engines call an expression so that has no name. */
export const hasName = (column: string) => column !== '?column?';

/** The names, those that are there already with the first number that makes them another. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set(names);
  const used = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let n = 2; used.has(own); n++) if (!taken.has(`${name}${n}`)) own = `${name}${n}`;
    taken.add(own);
    used.add(own);
    return own;
  });
}
