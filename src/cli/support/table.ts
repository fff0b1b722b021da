/** Prints rows under a head, in columns; `none` where there is no row. */
export function printTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): void {
  if (rows.length === 0) {
    console.log(none);
    return;
  }
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    );
}

export const iso = (time: Date | null | undefined) => time?.toISOString() ?? '';

/** Longer texts are cut in a table; `--json` shows all of them. */
const CELL = 60;

/** Any value as a table shows it: in one line, cut at `most` characters. */
export function cell(value: string | number | bigint | Date | null | undefined, most = CELL): string {
  if (value instanceof Date) return iso(value);
  const line = String(value ?? '').replaceAll(/\s+/g, ' ');
  return line.length > most ? `${line.slice(0, most - 3)}...` : line;
}

/** JSON, with whole numbers of any size as numbers. */
export const plainJson = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? Number(one) : one));
