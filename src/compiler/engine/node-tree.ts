/**
 * Reads the text in which PostgreSQL prints its own node trees (nodeToString). The grammar is small:
 * `{TYPE :field value ...}`, `(list)`, `(b 1 2)` sets, `<>` for null, and bare or quoted tokens.
 */
export type TreeValue = TreeNode | readonly TreeValue[] | string | null;

export interface TreeNode {
  readonly type: string;
  readonly fields: Readonly<Record<string, TreeValue>>;
}

export function isNode(value: TreeValue | undefined): value is TreeNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: TreeValue | undefined): readonly TreeValue[] {
  return Array.isArray(value) ? value : [];
}

export function nodesOf(value: TreeValue | undefined): readonly TreeNode[] {
  return listOf(value).filter(isNode);
}

export function numberOf(value: TreeValue | undefined): number {
  return typeof value === 'string' ? Number(value) : Number.NaN;
}

/** Members of a bitmapset `(b 1 2)`, or of an integer list `(i 1 2)`, or of an oid list `(o 1 2)`. */
export function setOf(value: TreeValue | undefined): readonly number[] {
  const [tag, ...members] = listOf(value);
  return tag === 'b' || tag === 'i' || tag === 'o' ? members.map(numberOf) : [];
}

export class NodeTreeError extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #skip(): void {
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 32) this.#at++;
  }

  #token(): string {
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    if (text[start] === '"') {
      let i = start + 1;
      for (; i < text.length && text[i] !== '"'; i++)
        if (text[i] === '\\') {
          i++;
          escaped = true;
        }
      this.#at = i + 1;
      const inner = text.slice(start + 1, i).replaceAll('\n', ' ');
      return escaped ? inner.replace(/\\(.)/gs, '$1') : inner;
    }
    let i = start;
    for (; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 92) {
        i++;
        escaped = true;
      } else if (c <= 32 || c === 40 || c === 41 || c === 123 || c === 125) break;
    }
    if (i === start) throw new NodeTreeError(`unexpected ${text[i]} at ${i}`);
    this.#at = i;
    const token = text.slice(start, i);
    return escaped ? token.replace(/\\(.)/gs, (_, c: string) => (c === '\n' ? ' ' : c)) : token;
  }

  value(): TreeValue {
    this.#skip();
    const c = this.#text[this.#at];
    if (c === undefined) throw new NodeTreeError('the tree ends too early');
    if (c === '{') return this.#node();
    if (c === '(') {
      this.#at++;
      const items: TreeValue[] = [];
      for (;;) {
        this.#skip();
        if (this.#text[this.#at] === ')') break;
        items.push(this.value());
      }
      this.#at++;
      return items;
    }
    const token = this.#token();
    return token === '<>' ? null : token;
  }

  #node(): TreeNode {
    this.#at++;
    this.#skip();
    const type = this.#token();
    const fields: Record<string, TreeValue> = {};
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === '}') {
        this.#at++;
        return { type, fields };
      }
      const name = this.#token().slice(1);
      // A value always follows its name, so a value that looks like a name is still read as a value.
      let value = this.value();
      for (;;) {
        this.#skip();
        const c = this.#text[this.#at];
        if (c === '}' || c === ':' || c === undefined) break;
        // Raw datums: `4 [ 1 0 0 0 ]`.
        const more = this.value();
        value = Array.isArray(value) ? [...value, more] : [value, more];
      }
      fields[name] = value;
    }
  }
}

/** Throws NodeTreeError when the text is not a node tree. */
export function readNodeTree(text: string): TreeValue {
  return new Reader(text).value();
}
