import type { DriverOptions } from './driver.ts';

/**
 * Settings that change what a statement means or how a value is written. A server, database or role may have others by
 * default; given at the start of a connection these win, and nothing has to be set later.
 */
const PINNED = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  backslash_quote: 'safe_encoding',
  xmlbinary: 'base64',
  xmloption: 'content',
} as const;

/** Those that poolers follow. They refuse others, with the connection. */
const FOLLOWED = ['DateStyle', 'standard_conforming_strings'] as const;

/** Without these, values would be read wrongly or statements understood otherwise. */
const NEEDED = [
  'DateStyle',
  'IntervalStyle',
  'bytea_output',
  'extra_float_digits',
  'standard_conforming_strings',
  'array_nulls',
  'transform_null_equals',
] as const;

/** The start-up message's parameters, the same for both drivers. */
export function startupParameters(options: DriverOptions): Record<string, string> {
  const names = options.pinFew ? FOLLOWED : (Object.keys(PINNED) as (keyof typeof PINNED)[]);
  return {
    user: options.user,
    database: options.database,
    client_encoding: 'UTF8',
    application_name: options.applicationName,
    ...Object.fromEntries(names.map((name) => [name, PINNED[name]])),
    ...(options.serverOptions && { options: options.serverOptions }),
  };
}

/** Gives a row with the values of the settings that are needed. */
export const NEEDED_SETTINGS = `SELECT ${NEEDED.map((name) => `pg_catalog.current_setting('${name}')`).join(', ')}`;

/** The SQL that mends what the row of `NEEDED_SETTINGS` has otherwise; undefined where all is well. */
export function mendingSettings(
  row: readonly (string | null)[],
  { user, database }: Pick<DriverOptions, 'user' | 'database'>,
): string | undefined {
  const wrong = NEEDED.filter((name, i) => !isPinned(name, row[i] ?? ''));
  const role = `ALTER ROLE ${quoted(user)} IN DATABASE ${quoted(database)} SET`;
  return wrong.map((name) => `${role} ${name} = '${PINNED[name]}'`).join('; ') || undefined;
}

function isPinned(name: (typeof NEEDED)[number], value: string): boolean {
  // Three was for servers before PostgreSQL 12; what counts since is that it is above zero.
  if (name === 'extra_float_digits') return Number(value) > 0;
  return value === PINNED[name];
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
