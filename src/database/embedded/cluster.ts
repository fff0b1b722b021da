import { randomBytes } from 'node:crypto';

/** No surprises from the machine's locale: C.UTF-8 orders by code point and knows every letter. */
export const initdbOptions: readonly string[] = [
  '--username=holdfast',
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--locale=C',
  '--auth=scram-sha-256',
  '--no-instructions',
];

/** The role and the database that the server comes with. */
export const embeddedUser = 'holdfast';
export const embeddedDatabase = 'postgres';

/** Where a data folder keeps the password of its only role; readable to its owner alone. */
export const passwordFileName = 'holdfast.password';

export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}
