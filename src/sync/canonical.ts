import { hash } from 'node:crypto';

/** JSON with the members of objects in the order of their names: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  if (isCanonical(value)) return JSON.stringify(value);
  return JSON.stringify(value, (_name, one: unknown) => {
    if (one === null || typeof one !== 'object' || Array.isArray(one)) return one;
    const names = Object.keys(one);
    if (isSorted(names)) return one;
    return Object.fromEntries(names.sort().map((name) => [name, (one as Record<string, unknown>)[name]]));
  });
}

function isCanonical(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true;
  if ('toJSON' in value) return false;
  if (Array.isArray(value)) return value.every(isCanonical);
  let before = '';
  for (const [name, one] of Object.entries(value)) {
    if (name < before || !isCanonical(one)) return false;
    before = name;
  }
  return true;
}

function isSorted(names: readonly string[]): boolean {
  for (let place = 1; place < names.length; place++) if (names[place - 1]! > names[place]!) return false;
  return true;
}

/** A UUID (version 8) made of the SHA-256 of a text. */
export function digestId(text: string): string {
  const hex = hash('sha256', text, 'hex');
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
