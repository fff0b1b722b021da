const PIECE =
  /\s+|--[^\n\r]*|(?<comment>\/\*)|(?<string>[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?:'|$)|(?:[bBnNxX]|[uU]&)?'[^']*(?:''[^']*)*(?:'|$)|\$(?<tag>(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$[\s\S]*?(?:\$\k<tag>\$|$))|(?<name>(?:[uU]&)?"[^"]*(?:""[^"]*)*(?:"|$))|(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<other>\$\d+|\.?\d[\w.]*|[\s\S])/y;
const COMMENT_EDGE = /\/\*|\*\//g;

/**
 * The words and signs of a statement, one by one: words in capitals, `'` for a string, `"` for a quoted name. Neither
 * what is in those nor what is in a comment is a word. It does not parse: what the server would refuse, it refuses.
 */
export function* wordsOf(text: string): Generator<string, void, undefined> {
  for (let at = 0; at < text.length; ) {
    PIECE.lastIndex = at;
    const { comment, string, name, word, other } = PIECE.exec(text)!.groups!;
    at = comment === undefined ? PIECE.lastIndex : endOfComment(text, at);
    if (word !== undefined) yield word.toUpperCase();
    else if (string !== undefined) yield "'";
    else if (name !== undefined) yield '"';
    else if (other !== undefined) yield other;
  }
}

/** Block comments nest. */
function endOfComment(text: string, start: number): number {
  COMMENT_EDGE.lastIndex = start;
  let depth = 0;
  for (let edge = COMMENT_EDGE.exec(text); edge; edge = COMMENT_EDGE.exec(text)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  return text.length;
}
