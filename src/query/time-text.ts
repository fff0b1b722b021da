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
