import type { Offer } from '../faces/index.ts';

/** What an operator may do about a row of a list of work. */
export function quarantinedOffers(row: {
  readonly kind: string;
  readonly target: string;
  readonly state: string;
}): readonly Offer[] {
  const args = { kind: row.kind, target: row.target };
  if (row.state === 'quarantined') return [{ action: 'release', args }];
  return ['backs off', 'parked', 'abandoned', 'failed'].includes(row.state)
    ? [{ action: 'retry-now', args }]
    : [];
}
