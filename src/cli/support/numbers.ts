import { InvalidArgumentError } from 'commander';

/** The longest that a timer can wait, about 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;

/** Parser for an option that takes a whole number: `.option('--to <number>', '...', wholeNumber(0))`. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
      const range = maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum} to ${maximum}`;
      throw new InvalidArgumentError(`a whole number, ${range}, is wanted.`);
    }
    return value;
  };
}

/** The same for one in milliseconds. */
export const milliseconds = (minimum: number, maximum = LONGEST_MS) => wholeNumber(minimum, maximum);
