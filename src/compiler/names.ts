/** `session_id` and `GetMachine` as `sessionId` and `getMachine`. */
export function camelCase(name: string): string {
  const joined = name
    .replace(/[^\p{L}\p{N}]+(.)?/gu, (_, next: string | undefined) => next?.toUpperCase() ?? '')
    .replace(/^[^\p{L}_$]+/u, '');
  const start = /^[A-Z]+(?![a-z])/.exec(joined)?.[0];
  return start && start.length > 1
    ? start.toLowerCase() + joined.slice(start.length)
    : joined.charAt(0).toLowerCase() + joined.slice(1);
}

/** A parameter as callers write it: `users[].first_name` is `users[].firstName`. */
export function fieldPath(name: string, field: (part: string) => string = camelCase): string {
  return name.replace(/[^.[\]]+/g, field);
}

export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

const reserved = new Set(
  `break case catch class const continue debugger default delete do else enum export extends false finally for
  function if import in instanceof new null return super switch this throw true try typeof var void while with
  yield let static await async implements interface package private protected public arguments eval
  undefined`.split(/\s+/),
);

/** A name that can be declared at the top of a module. */
export function identifier(name: string): string {
  return reserved.has(name) ? `${name}_` : name;
}

/** A property name, quoted when it has to be. */
export function propertyName(name: string): string {
  // In an object literal `__proto__: x` is no property.
  if (name === '__proto__') return `['${name}']`;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? name : `'${name.replace(/[\\']/g, '\\$&')}'`;
}

/** The name, or the first of `name2`, `name3` and so on, that is not among those that are used; it is from now on. */
export function free(wanted: string, used: Set<string>): string {
  let name = wanted;
  for (let n = 2; used.has(name); n++) name = `${wanted}${n}`;
  used.add(name);
  return name;
}
