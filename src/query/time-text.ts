// What a Date can hold at its ends stands for infinity: both ends are beyond every other time of PostgreSQL that a Date
// can hold, so that they compare as infinity does.
const furthest = 8_640_000_000_000_000;

const SHAPE =
  /^(\d{4,})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)( BC)?$/;

/**
 * Reads a TIMESTAMPTZ as servers write it in the ISO style, in any time zone: before zones were standardized their
 * offsets had seconds, which Date cannot read. Any year, `BC`, and infinity, which becomes the first or last moment of a
 * Date. Digits finer than milliseconds are dropped. Throws RangeError for what a Date does not hold, and for any other style.
 */
export function parseTime(value: string): Date {
  if (value === 'infinity') return new Date(furthest);
  if (value === '-infinity') return new Date(-furthest);
  const found = SHAPE.exec(value);
  const part = (i: number) => Number(found?.[i] ?? 0);
  const date = new Date(0);
  if (found) {
    date.setUTCFullYear(found[12] === undefined ? part(1) : 1 - part(1), part(2) - 1, part(3));
    const offset = (part(9) * 60 + part(10)) * 60 + part(11);
    date.setTime(
      date.getTime() +
        ((part(4) * 60 + part(5)) * 60 + part(6) - (found[8] === '-' ? -offset : offset)) * 1000 +
        Number((found[7] ?? '').padEnd(3, '0').slice(0, 3)),
    );
  }
  if (!found || Number.isNaN(date.getTime()))
    throw new RangeError(`${value} is not a time that a Date holds`);
  return date;
}

const withoutZone = (value: string, rest: string) =>
  parseTime(/^-?infinity$/.test(value) ? value : value.replace(/( BC)?$/, `${rest}Z$1`));

/** Reads a TIMESTAMP, as the time that it says in UTC; else as `parseTime`. */
export const parseTimestamp = (value: string) => withoutZone(value, '');

/** Reads a DATE, as its beginning in UTC; else as `parseTime`. */
export const parseDate = (value: string) => withoutZone(value, ' 00:00:00');

/** Writes the time that a Date says in UTC as a TIMESTAMP. Throws RangeError for an invalid Date. */
export const timestampText = (date: Date) => timeText(date).replace('Z', '');

/** Writes a day's beginning in UTC as a DATE. Throws RangeError for any other time: a DATE would be of another day for some. */
export function dateText(date: Date): string {
  const text = timestampText(date);
  if (text.endsWith('infinity')) return text;
  if (!text.includes('T00:00:00.000')) throw new RangeError(`${text} is not the beginning of a day in UTC`);
  return text.replace('T00:00:00.000', '');
}

/** Writes a time as PostgreSQL reads it. Throws RangeError for an invalid Date. */
export function timeText(date: Date): string {
  if (date.getTime() === furthest) return 'infinity';
  if (date.getTime() === -furthest) return '-infinity';
  const year = date.getUTCFullYear();
  const text = date.toISOString();
  if (year >= 1 && year <= 9999) return text;
  const rest = text.slice(text.indexOf('-', 1));
  return year > 9999 ? `${year}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`;
}
