/** A line of a text, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** Characters of a line, at most. */
const LONGEST = 65_536;

/**
 * The lines of a text in UTF-8, those of a chunk at a time; ends are LF or CRLF. `refuse` makes the error for a line that is
 * too long and for bytes that are not UTF-8.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  refuse: (line: number, reason: string) => Error,
): AsyncGenerator<readonly Line[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let number = 1;
  const decode = (chunk?: Uint8Array) => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw refuse(number, 'it, or a line shortly behind it, is not UTF-8');
    }
  };
  const lineOf = (text: string): Line => {
    if (text.length > LONGEST) throw refuse(number, `it has more than ${LONGEST} characters`);
    return { number: number++, text: text.endsWith('\r') ? text.slice(0, -1) : text };
  };
  for await (const chunk of chunks) {
    const parts = (rest + decode(chunk)).split('\n');
    rest = parts.pop()!;
    if (rest.length > LONGEST) throw refuse(number + parts.length, `it has more than ${LONGEST} characters`);
    if (parts.length > 0) yield parts.map(lineOf);
  }
  rest += decode();
  if (rest !== '') yield [lineOf(rest)];
}
