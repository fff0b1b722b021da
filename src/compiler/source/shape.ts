import type { Token } from './lexer.ts';
import { isCode } from './query-file.ts';

export interface StatementShape {
  /** SELECT, INSERT, UPDATE, DELETE, ...: what the statement does in the end. */
  readonly operation: string;
  /** The table it does it to, as written; undefined when there is none. */
  readonly collection: string | undefined;
}

const mainWords = new Set(['SELECT', 'INSERT', 'UPDATE', 'UPSERT', 'DELETE', 'MERGE', 'VALUES']);
const before: Readonly<Record<string, string>> = {
  INSERT: 'INTO',
  UPSERT: 'INTO',
  MERGE: 'INTO',
  DELETE: 'FROM',
  SELECT: 'FROM',
};

/** The two words that telemetry wants, taken from the tokens: a label, not an analysis. */
export function statementShape(tokens: readonly Token[]): StatementShape {
  const code = tokens.filter(isCode);
  const upper = (i: number) =>
    code[i]?.kind === 'word' ? code[i]!.text.toUpperCase() : (code[i]?.text ?? '');
  const ctes = new Set<string>();
  let depth = 0;
  let main = -1;
  for (let i = 0; i < code.length; i++) {
    if (code[i]!.text === '(') depth++;
    else if (code[i]!.text === ')') depth--;
    else if (depth === 0 && main < 0 && mainWords.has(upper(i))) main = i;
    if (upper(i) === 'AS' && upper(i + 1) === '(' && depth === 0) ctes.add(code[i - 1]!.text);
  }
  const operation = upper(Math.max(main, 0));
  const tableAfter = (from: number, word: string, anyDepth: boolean): string | undefined => {
    let level = 0;
    for (let i = from; i < code.length; i++) {
      if (code[i]!.text === '(') level++;
      else if (code[i]!.text === ')') level--;
      else if (upper(i) === word && (anyDepth || level === 0)) {
        let at = i + 1;
        while (upper(at) === 'ONLY' || upper(at) === 'LATERAL') at++;
        const first = code[at];
        if (first?.kind !== 'word' && first?.kind !== 'quoted') continue;
        const name = code[at + 1]?.text === '.' ? `${first.text}.${code[at + 2]?.text}` : first.text;
        if (!ctes.has(name) && code[at + (name === first.text ? 1 : 3)]?.text !== '(')
          return name.replaceAll('"', '');
        if (
          code[at + (name === first.text ? 1 : 3)]?.text === '(' &&
          (operation === 'INSERT' || operation === 'UPSERT')
        )
          return name.replaceAll('"', '');
      }
    }
    return undefined;
  };
  const word = operation === 'UPDATE' ? 'UPDATE' : before[operation];
  if (main < 0 || word === undefined) return { operation, collection: undefined };
  const direct = tableAfter(main, word, false);
  return { operation, collection: direct ?? tableAfter(0, 'INTO', true) ?? tableAfter(0, 'FROM', true) };
}
