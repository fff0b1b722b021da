import { valueNamed } from '../base/index.ts';
import { canonicalJson } from './canonical.ts';
import type { DeclaredContent } from './declared.ts';
import { ContentConflictError } from './errors.ts';

type Item = DeclaredContent;

export function conflict(reason: 'changed' | 'twice', item: Item, other: unknown): ContentConflictError {
  return new ContentConflictError(
    reason,
    item.type.name,
    item.key,
    differenceOf(other, JSON.parse(item.json)),
  );
}

/** What differs between two metadata, for people: the first three members, shortened. */
function differenceOf(a: unknown, b: unknown): string {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null;
  if (!isObject(a) || !isObject(b)) return `${short(a)} and ${short(b)}`;
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => canonicalJson(valueNamed(a, name)) !== canonicalJson(valueNamed(b, name)),
  );
  if (names.length === 0) return 'the digests or paths of its files differ';
  return names
    .slice(0, 3)
    .map((name) => `${name} is ${short(valueNamed(a, name))} and ${short(valueNamed(b, name))}`)
    .join(', ');
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
