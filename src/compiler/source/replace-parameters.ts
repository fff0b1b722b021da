import { tokenize } from './lexer.ts';

/** The statement with other text for each `$n`. Undefined when there is none for one of them. */
export function replaceParameters(
  text: string,
  replacement: (number: number) => string | undefined,
): string | undefined {
  const pieces = tokenize(text).map((token) =>
    token.kind === 'param' ? replacement(Number(token.text.slice(1))) : token.text,
  );
  return pieces.includes(undefined) ? undefined : pieces.join('');
}
