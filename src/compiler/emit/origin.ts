import path from 'node:path';
import { type SourceFile, slashed } from '../source/source-file.ts';

/**
 * Gives the way back to a query, for the doc comment of its function: `[db/notes.sql:12](../db/notes.sql#L12)`. What is
 * shown is relative to the configuration file in `root`, where it leads is relative to `module`, a full path. Where no
 * relative path leads there (another drive), it is shown only. Offsets are asked for in their order.
 */
export function originLinks(
  { path: file, text }: SourceFile,
  root: string,
  module: string,
  { dirname, isAbsolute, relative, resolve, sep }: typeof path = path,
): (at: number) => string {
  const way = relative(dirname(module), resolve(root, file));
  const address = slashed(way, sep).split('/').map(encoded).join('/');
  let line = 1;
  let seen = 0;
  return (at) => {
    for (let end = text.indexOf('\n', seen); end >= 0 && end < at; end = text.indexOf('\n', seen)) {
      line++;
      seen = end + 1;
    }
    const shown = `${file}:${line}`;
    if (isAbsolute(way)) return shown;
    return `[${shown.replace(/[\\[\]]/g, '\\$&')}](${address.startsWith('.') ? '' : './'}${address}#L${line})`;
  };
}

/** Markdown ends an address at a parenthesis, and a star and a slash end a comment. */
const encoded = (part: string) =>
  encodeURIComponent(part).replace(/[()*!']/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
