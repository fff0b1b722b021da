import { isUtf8 } from 'node:buffer';

/** The text of bytes in UTF-8, or the 1-based line of the first that are not. A byte order mark is left out. */
export function utf8Text(bytes: Uint8Array): { readonly text: string } | { readonly invalidLine: number } {
  if (isUtf8(bytes)) return { text: new TextDecoder('utf-8').decode(bytes) };
  const lineFeed = 10;
  let line = 1;
  for (let from = 0; ; line++) {
    const end = bytes.indexOf(lineFeed, from);
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return { invalidLine: line };
    from = end + 1;
  }
}
