import { sqlPieceAt } from '../../base/index.ts';

/** Comments behind which a tool's file takes back what is before: goose, sql-migrate, dbmate, tern, node-pg-migrate, rambler. */
const DOWN =
  /^--\s*(?:\+goose\s+down\b|\+migrate\s+down\b|migrate:down\b|--\s*create above \/ drop below\b|down migration\b|rambler down\b)/i;
/** Comments behind which it goes on. */
const UP = /^--\s*(?:\+goose\s+up\b|\+migrate\s+up\b|migrate:up\b|up migration\b|rambler up\b)/i;

/**
 * A schema file as far as it is the way up, and SQL: without its Down part, without lines for psql (`\restrict`) and
 * without the rows behind COPY ... FROM stdin, which say nothing of types. What is left out is white space, so that
 * every place stays what it was. `includes` is told of a line that has psql read another file.
 */
export function schemaText(text: string, includes: (at: number) => void = () => {}): string {
  const cuts: { from: number; to: number }[] = [];
  let down = -1;
  let words: string[] = [];
  let begun = 0;
  for (let at = 0; at < text.length; ) {
    const { kind, start, end } = sqlPieceAt(text, at);
    at = end;
    if (kind === 'space') continue;
    if (kind === 'comment') {
      const comment = text.slice(start, end);
      if (down < 0 && DOWN.test(comment)) down = start;
      else if (down >= 0 && UP.test(comment)) {
        cuts.push({ from: down, to: start });
        down = -1;
      }
      continue;
    }
    const piece = text.slice(start, end);
    if (piece === '\\' && words.length === 0 && /(?:^|\n)[ \t]*$/.test(text.slice(0, start).slice(-200))) {
      at = lineEnd(text, start);
      if (/^\\(?:i|ir|include|include_relative)\b/.test(text.slice(start, at))) includes(start);
      cuts.push({ from: start, to: at });
    } else if (piece === ';') {
      if (words[0] === 'COPY' && words.at(-1) === 'STDIN') {
        const close = /^\\\.[ \t]*$/gm;
        close.lastIndex = end;
        at = close.exec(text) ? close.lastIndex : text.length;
        cuts.push({ from: begun, to: at });
      }
      words = [];
    } else {
      if (words.length === 0) begun = start;
      // The first word and the last one say whether rows follow; WITH (...) may stand behind STDIN.
      const word = kind === 'word' ? piece.toUpperCase() : '';
      if (words[0] !== 'COPY' || words.at(-1) !== 'STDIN') words.push(word);
    }
  }
  if (down >= 0) cuts.push({ from: down, to: text.length });
  return cuts.reduceRight(
    (whole, { from, to }) =>
      whole.slice(0, from) + whole.slice(from, to).replace(/[^\r\n]/g, ' ') + whole.slice(to),
    text,
  );
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}
