/** Node takes a longer one for one millisecond: about 25 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
