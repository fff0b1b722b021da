const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** A length of time in its two largest units: `48 s`, `3 min 5 s`, `2 d 4 h`. Less than a second is `0 s`. */
export function lasting(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1_000));
  const first = UNITS.findIndex(([, seconds]) => rest >= seconds);
  if (first < 0) return '0 s';
  const words = UNITS.slice(first, first + 2).flatMap(([unit, seconds]) => {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    return count > 0 ? [`${count} ${unit}`] : [];
  });
  return words.join(' ');
}

/** A time as an operator reads it: without the date where it is the day of `now`. UTC, as the database's clock says. */
export function clock(time: Date, now: Date): string {
  const [day, hour] = time.toISOString().slice(0, 19).split('T');
  return now.toISOString().startsWith(day!) ? `${hour} UTC` : `${day} ${hour} UTC`;
}
