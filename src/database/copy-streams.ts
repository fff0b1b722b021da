import { MisuseError, sqlWords } from '../base/index.ts';
import { byText } from '../query/by-text.ts';

/**
 * Throws MisuseError for COPY with STDIN or STDOUT: the protocol changes to a stream, which an executor
 * does not have, so the answer would never come.
 */
export function refuseCopyStreams(text: string): void {
  if (copiesStream(text))
    throw new MisuseError(
      'HOLDFAST_FORBIDDEN_STATEMENT',
      'COPY with STDIN or STDOUT streams data, which no statement here can: use a `:copyfrom` query or INSERT ... SELECT unnest(...), and `:iter` to read',
    );
}

const copiesStream = byText((text) => {
  // Decides most texts without reading them word by word.
  if (!/\bcopy\b/i.test(text)) return false;
  let copying = false;
  let depth = 0;
  let before = ';';
  for (const word of sqlWords(text)) {
    if (before === ';') {
      copying = word === 'COPY';
      depth = 0;
    }
    if (word === '(') depth++;
    if (word === ')') depth--;
    const stream = word === 'STDIN' || word === 'STDOUT';
    if (copying && depth === 0 && stream && (before === 'FROM' || before === 'TO')) return true;
    before = word;
  }
  return false;
});
