const TOKEN =
  /(?<identifier>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<quoted>"(?:[^"]|"")*")|(?<parameter>\$\d+)|(?<dollar>\$(?<tag>\w*)\$[\s\S]*?(?:\$\k<tag>\$|$))|(?<number>\.?\d[\w.]*)|(?<line>--[^\n]*)/y;
const PLAIN_STRING = /'(?:[^']|'')*(?:'|$)/y;
const ESCAPE_STRING = /'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/y;
const COMMENT_EDGE = /\/\*|\*\//g;

/**
 * Replaces every literal of a hand-made statement by `?` and drops its comments; names, parameters ($1) and
 * keywords stay. A literal that is not closed takes the rest of the text with it.
 */
export function redactLiterals(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('/*', at)) {
      at = endOfComment(text, at);
      out += ' ';
      continue;
    }
    if (text[at] === "'") {
      const escapes = /(?:^|[^\w$])[eE]$/.test(out.slice(-2));
      const string = escapes ? ESCAPE_STRING : PLAIN_STRING;
      string.lastIndex = at;
      string.exec(text);
      at = string.lastIndex || text.length;
      out += '?';
      continue;
    }
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) {
      out += text[at++];
      continue;
    }
    const { dollar, number, line } = match.groups!;
    out += dollar !== undefined || number !== undefined ? '?' : line !== undefined ? '' : match[0];
    at = TOKEN.lastIndex;
  }
  return out.trim();
}

/** Block comments nest. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  COMMENT_EDGE.lastIndex = start;
  for (let edge = COMMENT_EDGE.exec(text); edge; edge = COMMENT_EDGE.exec(text)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  return text.length;
}
