import { createHash } from 'node:crypto';

const names = new Map<string, string>();
const MOST_NAMES = 10_000;

/** A stable name for a prepared statement, made from its text, short enough for the server's 63 bytes. */
export function statementName(text: string): string {
  let name = names.get(text);
  if (!name) {
    if (names.size >= MOST_NAMES) names.clear();
    name = `hf_${createHash('sha1').update(text).digest('base64url')}`;
    names.set(text, name);
  }
  return name;
}
