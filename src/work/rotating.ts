import { crc32 } from 'node:zlib';
import { invalidOption } from '../base/index.ts';

/** Bucket of an id: its CRC-32 (crc32ieee in CockroachDB) modulo the number of buckets. */
export function bucketOf(id: string, buckets: number): bigint {
  if (!Number.isInteger(buckets) || buckets < 1)
    throw invalidOption('buckets', `${buckets} is not a whole number from 1`);
  return BigInt(crc32(id) % buckets);
}

/**
 * Which buckets of a queue a worker looks into, so that workers do not meet at its head. It begins anywhere,
 * stays where it finds work, and moves on where it finds none, each time into twice as many buckets: all of
 * them after at most log2(buckets) + 1 empty looks. No worker needs to know of another, so none is missed when
 * one dies.
 */
export class RotatingSlice {
  readonly buckets: number;
  #at: number;
  #width = 1;

  constructor(buckets: number, random: () => number) {
    this.buckets = buckets;
    this.#at = Math.floor(random() * buckets);
  }

  /** Where the next look begins. */
  get at(): bigint {
    return BigInt(this.#at);
  }

  /**
   * Calls `look` with bucket numbers until it finds something, or has looked into every bucket and gives the
   * last, empty, list. Finding less than `wanted` makes the next look a wider one, elsewhere.
   */
  async take<T>(
    look: (buckets: readonly bigint[]) => Promise<readonly T[]>,
    wanted = 1,
  ): Promise<readonly T[]> {
    for (let seen = 0, width = this.#width; ; width *= 2) {
      const size = Math.min(width, this.buckets - seen);
      const numbers = Array.from({ length: size }, (_, i) => BigInt((this.#at + i) % this.buckets));
      const found = await look(numbers);
      if (found.length >= wanted) return found;
      this.#at = (this.#at + size) % this.buckets;
      if (found.length > 0) {
        this.#width = Math.min(2 * width, this.buckets);
        return found;
      }
      seen += size;
      if (seen >= this.buckets) return found;
    }
  }
}

/** `buckets`: how many the table's `bucket` column is divided into, the same for every worker; 1 to 100,000. */
export function rotatingSlice(buckets: number, random: () => number = Math.random): RotatingSlice {
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > 100_000)
    throw invalidOption('buckets', `${buckets} is not a whole number from 1 to 100000`);
  return new RotatingSlice(buckets, random);
}
