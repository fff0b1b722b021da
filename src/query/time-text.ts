const SHAPE = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z|([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)$/;

/**
 * Reads a TIMESTAMPTZ as servers write it in the ISO style, in any time zone: before zones were standardized their
 * offsets had seconds, which Date cannot read. Milliseconds; finer digits are dropped. Throws RangeError for what a Date
 * does not hold: infinity, BC, years past 9999.
 */
export function parseTime(value: string): Date {
  const match = SHAPE.exec(value);
  if (match) {
    const [, day, time, sign, hours = 0, minutes = 0, seconds = 0] = match;
    const offsetMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    const local = Date.parse(`${day}T${time}Z`);
    const date = new Date(sign === '-' ? local + offsetMs : local - offsetMs);
    if (!Number.isNaN(date.getTime())) return date;
  }
  throw new RangeError(`${value} is not a time that a Date holds`);
}
