const unitMonths: Readonly<Record<string, number>> = { year: 12, mon: 1, month: 1 };
const part = /([+-]?\d+)\s*(years?|mons?|months?|days?)/g;
const clock = /([+-])?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?/;

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

/** Reads the `postgres` interval style, as in `1 year 2 mons -3 days +04:05:06.789`. */
export function parseInterval(value: string): Parts {
  const infinite = infinities.get(value);
  if (infinite) return infinite;
  let months = 0;
  let days = 0;
  for (const [, amount, unit] of value.matchAll(part)) {
    const name = unit!.replace(/s$/, '');
    if (name === 'day') days += Number(amount);
    else months += Number(amount) * (unitMonths[name] ?? 0);
  }
  const time = clock.exec(value);
  let microseconds = 0n;
  if (time) {
    const [, sign, hours, minutes, seconds, fraction] = time;
    const whole = (BigInt(hours!) * 60n + BigInt(minutes!)) * 60n + BigInt(seconds!);
    microseconds = whole * 1_000_000n + BigInt((fraction ?? '').padEnd(6, '0') || 0);
    if (sign === '-') microseconds = -microseconds;
  } else if (months === 0 && days === 0 && !/^[+-]?0/.test(value) && !part.test(value))
    throw new RangeError(`${value} is not an interval in the postgres style`);
  return { months, days, microseconds };
}
