import type { Codec } from '../../../../src/query/index.ts';

export interface Money {
  readonly cents: bigint;
}

export const money: Codec<Money> = {
  type: 'numeric',
  decode: (value) => ({ cents: BigInt(Math.round(Number(value) * 100)) }),
  encode: ({ cents }) => (Number(cents) / 100).toFixed(2),
};
