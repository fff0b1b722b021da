/** Layout as Biome would give it, so that generated files are formatted as they are written. */
export const lineWidth = 110;

/**
 * An array literal: on one line when it fits and is not a list of several arrays; else one item a line.
 * `indent` is the depth of the line that it starts on, `lead` what stands before it there.
 */
export function arrayLiteral(items: readonly string[], indent: number, lead: string, rows: boolean): string {
  const flat = `[${items.join(', ')}]`;
  const fits = indent + lead.length + flat.length + 1 <= lineWidth && !flat.includes('\n');
  if (fits && !(rows && items.length > 1)) return flat;
  const inner = ' '.repeat(indent + 2);
  return `[\n${items.map((item) => `${inner}${item},\n`).join('')}${' '.repeat(indent)}]`;
}

/** `import { a, type B } from 'x';`, broken when too long. */
export function importStatement(names: readonly string[], from: string, typesOnly: boolean): string {
  const bare = (name: string) => name.replace(/^type /, '');
  const sorted = [...new Set(names)].sort((a, b) => compareNames(bare(a), bare(b)));
  const head = typesOnly ? 'import type' : 'import';
  const shown = typesOnly ? sorted.map(bare) : sorted;
  const flat = `${head} { ${shown.join(', ')} } from '${from}';`;
  if (flat.length <= lineWidth) return flat;
  return `${head} {\n${shown.map((name) => `  ${name},\n`).join('')}} from '${from}';`;
}

/** Natural order as Biome sorts: letter by letter, a capital right before its small letter, numbers by value. */
export function compareNames(a: string, b: string): number {
  const parts = (text: string) => text.match(/\d+|\D/g) ?? [];
  const left = parts(a);
  const right = parts(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [l, r] = [left[i]!, right[i]!];
    if (l === r) continue;
    if (/^\d/.test(l) && /^\d/.test(r)) return Number(l) - Number(r);
    const [x, y] = [l.toLowerCase(), r.toLowerCase()];
    return x === y ? (l < r ? -1 : 1) : x < y ? -1 : 1;
  }
  return left.length - right.length;
}

/** A doc comment; nothing for no lines. */
export function docComment(lines: readonly string[], indent = 0): string {
  const pad = ' '.repeat(indent);
  const clean = lines.map((line) => line.replaceAll('*/', '*\\/').trimEnd());
  while (clean.length > 0 && clean[0] === '') clean.shift();
  while (clean.length > 0 && clean.at(-1) === '') clean.pop();
  if (clean.length === 0) return '';
  if (clean.length === 1) return `${pad}/** ${clean[0]} */\n`;
  return `${pad}/**\n${clean.map((line) => `${pad} *${line === '' ? '' : ` ${line}`}\n`).join('')}${pad} */\n`;
}

/** The doc comment of a query's function: the author's, and the way back to the query. */
export const queryComment = (doc: readonly string[], origin: string): string =>
  docComment([...doc, `@see ${origin}`]);

/** A string literal: single quotes, double when that saves escapes; a template for several lines. */
export function stringLiteral(text: string): string {
  if (text.includes('\n')) return `\`${text.replace(/[\\`]|\$\{/g, '\\$&').replaceAll('\r', '\\r')}\``;
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  const singles = text.split("'").length - 1;
  const doubles = text.split('"').length - 1;
  return singles > doubles ? `"${escaped.replaceAll('"', '\\"')}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}
