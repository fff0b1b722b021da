/** One statement of a file. */
export interface SqlStatement {
  /** Without its semicolon and without comments around it. */
  readonly text: string;
  /** 1-based line that it starts on. */
  readonly line: number;
}

// What may hold a semicolon that ends no statement. Order matters: the longer opening first.
const opaque =
  /--[^\n]*|\/\*|'(?:[^']|'')*'|[eE]'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/**
 * Splits a file at its semicolons, minding strings, quoted names, dollar quotes and comments (block comments
 * nest, as in the standard). It does not parse: what the server would refuse, it refuses.
 */
export function splitStatements(sql: string): readonly SqlStatement[] {
  const source = sql.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const statements: SqlStatement[] = [];
  let start = -1;
  let end = 0;
  const finish = () => {
    if (start >= 0) {
      const line = source.slice(0, start).split('\n').length;
      statements.push({ text: source.slice(start, end), line });
    }
    start = -1;
  };
  for (let at = 0; at < source.length; ) {
    const char = source[at]!;
    if (char === ';') {
      finish();
      at += 1;
      continue;
    }
    if (/\s/.test(char)) {
      at += 1;
      continue;
    }
    const next = skip(source, at);
    const isComment = source.startsWith('--', at) || source.startsWith('/*', at);
    if (!isComment) {
      if (start < 0) start = at;
      end = next;
    }
    at = next;
  }
  finish();
  return statements;
}

/** Where the token that starts at `at` ends. */
function skip(source: string, at: number): number {
  const inWord = at > 0 && /[\w$\u0080-\uffff]/.test(source[at - 1]!);
  // `a$b$` is a name and `note'` ends one: a quote needs a boundary before it, a plain one does not.
  opaque.lastIndex = at;
  const found = opaque.exec(source)?.[0];
  if (found === undefined || (inWord && /^[eE$]/.test(found))) return at + 1;
  if (found === '/*') return endOfBlockComment(source, at);
  if (found.startsWith('$')) {
    const close = source.indexOf(found, at + found.length);
    return close < 0 ? source.length : close + found.length;
  }
  return at + found.length;
}

function endOfBlockComment(source: string, at: number): number {
  let depth = 0;
  for (let index = at; index < source.length; index += 1) {
    if (source.startsWith('/*', index)) {
      depth += 1;
      index += 1;
    } else if (source.startsWith('*/', index)) {
      depth -= 1;
      index += 1;
      if (depth === 0) return index + 1;
    }
  }
  return source.length;
}
