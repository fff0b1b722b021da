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

/** A server keeps each prepared statement in memory, some tens of kilobytes, for as long as the connection is open. */
export const MOST_PREPARED = 500;

/** The texts that a connection has prepared on its server. */
export class PreparedTexts {
  readonly #texts = new Set<string>();
  #overflowed = false;

  /** There were more than `MOST_PREPARED` texts; the further ones are planned each time. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Whether the text is prepared, or may be now. */
  admits(text: string): boolean {
    if (this.#texts.has(text)) return true;
    this.#overflowed ||= this.#texts.size >= MOST_PREPARED;
    if (!this.#overflowed) this.#texts.add(text);
    return !this.#overflowed;
  }
}
