import { invalidOption } from '../base/index.ts';
import type { ByteRange } from './store.ts';

const isOffset = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** Throws MisuseError for what is no range. */
export function checkRange(range: ByteRange | undefined): ByteRange | undefined {
  if (range === undefined) return undefined;
  if (!isOffset(range.start) || !isOffset(range.end) || range.end < range.start)
    throw invalidOption('range', 'expected whole numbers from 0 with start <= end');
  return range;
}
