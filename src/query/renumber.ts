/** Strings, names, comments: what looks like a parameter in them is none. */
const PIECES = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*|\\|\$(\d+)|\$(?:[A-Za-z_\x80-\uffff][^$\s]*)?\$/g;

/**
 * The statement with `by` added to the number of each parameter. Undefined when it holds what this does not read:
 * a backslash (which may escape a quote), a dollar-quoted string, a comment that may nest.
 */
export function renumbered(text: string, by: number): string | undefined {
  let readable = true;
  const moved = text.replace(PIECES, (piece, number: string | undefined) => {
    if (number !== undefined) return `$${Number(number) + by}`;
    if (/^(\\|\/|\$)/.test(piece) || piece.includes('\\')) readable = false;
    return piece;
  });
  return readable ? moved : undefined;
}
