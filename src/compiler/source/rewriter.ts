/** Builds the text that is sent, remembering where each piece stood in the file. */
export class Rewriter {
  readonly #pieces: { readonly out: number; readonly source: number; readonly length: number }[] = [];
  #text = '';

  get text(): string {
    return this.#text;
  }

  /** Adds `text` that stands for what is at `source` in the file. */
  add(text: string, source: number): void {
    if (text === '') return;
    this.#pieces.push({ out: this.#text.length, source, length: text.length });
    this.#text += text;
  }

  /** Takes spaces and tabs off the end. */
  trimLine(): void {
    this.#text = this.#text.replace(/[ \t]+$/, '');
  }

  /** Forgets everything after `length`. */
  cut(length: number): void {
    this.#text = this.#text.slice(0, length);
    while (this.#pieces.length > 0 && this.#pieces.at(-1)!.out >= length) this.#pieces.pop();
  }

  /** A function from offsets in the text to offsets in the file. */
  mapping(): (offset: number) => number {
    const pieces = [...this.#pieces];
    return (offset) => {
      let low = 0;
      let high = pieces.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (pieces[middle]!.out <= offset) low = middle;
        else high = middle - 1;
      }
      const piece = pieces[low];
      return piece ? piece.source + Math.min(offset - piece.out, piece.length) : 0;
    };
  }
}
