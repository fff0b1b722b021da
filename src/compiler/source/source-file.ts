import path from 'node:path';

/** A file as read, with the arithmetic of places in it. */
export interface SourceFile {
  /** As shown to people: relative to the configuration file. */
  readonly path: string;
  readonly text: string;
}

/** A path as it is shown and imported, whatever separates the names of this system. */
export const slashed = (name: string, separator: string = path.sep) => name.replaceAll(separator, '/');

export interface Place {
  /** 1-based. */
  readonly line: number;
  /** 1-based, in characters. */
  readonly column: number;
  readonly lineText: string;
}

export function placeOf(file: SourceFile, offset: number): Place {
  const at = Math.max(0, Math.min(offset, file.text.length));
  const lineStart = file.text.lastIndexOf('\n', at - 1) + 1;
  const lineEnd = file.text.indexOf('\n', at);
  return {
    line: file.text.slice(0, lineStart).split('\n').length,
    column: [...file.text.slice(lineStart, at)].length + 1,
    lineText: file.text.slice(lineStart, lineEnd < 0 ? file.text.length : lineEnd).replace(/\r$/, ''),
  };
}
