/**
 * PostgreSQL's text forms of arrays, `{a,"b c",NULL}`, and of rows, `(a,"b c",)`. Elements are text or null.
 */
export function parseArrayText(value: string, delimiter: string): (string | null)[] {
  // Bounds that do not start at 1 come first: `[0:2]={...}`.
  const start = value.indexOf('{');
  const items: (string | null)[] = [];
  let at = start + 1;
  while (value[at] !== '}') {
    if (at >= value.length) throw new RangeError('an array that never ends');
    if (value[at] === delimiter) {
      at++;
      continue;
    }
    if (value[at] === '{')
      throw new RangeError(
        'an array of more dimensions than its type has: declare the column so (INT[][]), or give "dimensions" in the configuration',
      );
    if (value[at] === '"') {
      let item = '';
      for (at++; value[at] !== '"'; at++) item += value[at] === '\\' ? value[++at] : value[at];
      at++;
      items.push(item);
    } else {
      let end = at;
      while (value[end] !== delimiter && value[end] !== '}') end++;
      const item = value.slice(at, end);
      items.push(item === 'NULL' ? null : item);
      at = end;
    }
  }
  return items;
}

/** The texts of the arrays in an array of arrays, `{{a},{b}}`. */
export function parseNestedText(value: string, delimiter: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = value.indexOf('{'); at < value.length; at++) {
    const c = value[at];
    if (depth === 1 && !(c === '{' || c === '}' || c === delimiter))
      throw new RangeError('an array of fewer dimensions than its type has');
    if (c === '"') {
      for (at++; value[at] !== '"' && at < value.length; at++) if (value[at] === '\\') at++;
    } else if (c === '\\') at++;
    else if (c === '{') {
      if (++depth === 2) from = at;
    } else if (c === '}') {
      if (--depth === 1) items.push(value.slice(from, at + 1));
      if (depth === 0) return items;
    } else if (depth === 1 && c !== delimiter)
      throw new RangeError('an array of fewer dimensions than its type has');
  }
  throw new RangeError('an array that never ends');
}

export function arrayText(items: readonly (string | null)[], delimiter: string): string {
  let text = '{';
  for (const item of items) {
    if (text.length > 1) text += delimiter;
    if (item === null) text += 'NULL';
    else if (item.includes('"') || item.includes('\\')) text += `"${item.replace(/[\\"]/g, '\\$&')}"`;
    else text += `"${item}"`;
  }
  return `${text}}`;
}

export function parseRowText(value: string): (string | null)[] {
  const items: (string | null)[] = [];
  let at = 1;
  for (;;) {
    if (value[at] === ',' || value[at] === ')') items.push(null);
    else {
      let item = '';
      while (value[at] !== ',' && value[at] !== ')') {
        if (at >= value.length) throw new RangeError('a row that never ends');
        if (value[at] === '"') {
          for (at++; ; at++) {
            if (value[at] === '"' && value[at + 1] === '"') item += value[at++];
            else if (value[at] === '"') break;
            else item += value[at] === '\\' ? value[++at] : value[at];
          }
          at++;
        } else {
          if (value[at] === '\\') at++;
          item += value[at++];
        }
      }
      items.push(item);
    }
    if (value[at] === ')') return items;
    at++;
  }
}

export function rowText(items: readonly (string | null)[]): string {
  const quoted = items.map((item) => (item === null ? '' : `"${item.replace(/[\\"]/g, '$&$&')}"`));
  return `(${quoted.join(',')})`;
}
