import { tokenize } from '../source/lexer.ts';

/** Keywords that stand for what a session or the clock says. */
export const sessionValues =
  /^(current_\w+|localtime|localtimestamp|session_user|user|now|today|yesterday|tomorrow)$/i;

/** Names that make a plan one of its moment: stable functions, and views that use one. */
export function unstableNames(
  functions: readonly string[],
  views: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const found = new Set(functions);
  const pending = new Map(views);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [view, definition] of pending)
      if (
        tokenize(definition).some(
          ({ kind, text }) =>
            (kind === 'word' || kind === 'quoted') &&
            (found.has(text.replaceAll('"', '').toLowerCase()) || sessionValues.test(text)),
        )
      ) {
        found.add(view);
        pending.delete(view);
      }
  }
  return found;
}
