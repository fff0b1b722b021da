const SHAPE =
  /^(?=.)(?:([+-]?\d+) years?)? ?(?:([+-]?\d+) mons?)? ?(?:([+-]?\d+) days?)? ?(?:([+-])?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/;

interface Parts {
  readonly months: number;
  readonly days: number;
  readonly microseconds: bigint;
}

/** As the server holds them. */
const infinities: ReadonlyMap<string, Parts> = new Map([
  ['infinity', { months: 2 ** 31 - 1, days: 2 ** 31 - 1, microseconds: 2n ** 63n - 1n }],
  ['-infinity', { months: -(2 ** 31), days: -(2 ** 31), microseconds: -(2n ** 63n) }],
]);

/** The word for an infinite interval; undefined for any other. */
export function infinityOf({ months, days, microseconds }: Parts): string | undefined {
  for (const [word, parts] of infinities)
    if (parts.months === months && parts.days === days && parts.microseconds === microseconds) return word;
  return undefined;
}

/**
 * Reads the `postgres` interval style, as in `1 year 2 mons -3 days +04:05:06.789`, and infinity. Throws RangeError for
 * any other: parts of it would read like this one.
 */
export function parseInterval(value: string): Parts {
  const infinite = infinities.get(value);
  if (infinite) return infinite;
  const match = SHAPE.exec(value);
  if (!match) throw new RangeError(`${value} is not an interval in the postgres style`);
  const [, years, months, days, sign, hours = 0, minutes = 0, seconds = 0, fraction = ''] = match;
  const whole = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  const microseconds = whole * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  return {
    months: Number(years ?? 0) * 12 + Number(months ?? 0),
    days: Number(days ?? 0),
    microseconds: sign === '-' ? -microseconds : microseconds,
  };
}
