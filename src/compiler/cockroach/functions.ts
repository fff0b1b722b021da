import type { Catalog, CatalogFunction } from '../engine/catalog.ts';

const words = (text: string) => text.trim().split(/\s+/);

/** Never NULL, whatever the arguments. */
const never = words(`now transaction_timestamp statement_timestamp clock_timestamp timeofday gen_random_uuid
  uuid_v4 uuid_generate_v4 random unique_rowid unordered_unique_rowid gen_random_ulid version
  cluster_logical_timestamp json_build_object jsonb_build_object json_build_array jsonb_build_array concat
  num_nulls num_nonnulls pg_typeof quote_nullable`);

/**
 * NULL when an argument is NULL, and only then. Each was called on a server with values of every type that
 * it takes, and with NULL in every place (test/compiler/cockroach-functions.test.ts does it again).
 */
const strict = words(`lower upper initcap length char_length character_length octet_length bit_length btrim
  ltrim rtrim lpad rpad replace reverse repeat left right strpos split_part translate md5 sha224 sha256 sha384
  sha512 encode decode convert_from convert_to ascii chr to_hex quote_ident quote_literal abs ceil ceiling
  floor round trunc sign sqrt cbrt power pow exp ln log mod div date_trunc to_json to_jsonb array_to_json
  jsonb_set json_set jsonb_insert jsonb_strip_nulls json_strip_nulls jsonb_array_length json_array_length
  jsonb_typeof json_typeof jsonb_pretty degrees radians pi
  get_byte set_byte fnv32 fnv64 crc32c`);

/** NULL only when an argument is NULL, but not always then. */
const lenient =
  words(`array_append array_prepend array_cat array_remove array_replace concat_ws string_to_array
  generate_series`);

const aggregates = words(`count sum sum_int min max avg bool_and bool_or every bit_and bit_or string_agg
  concat_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg stddev stddev_pop stddev_samp
  variance var_pop var_samp corr covar_pop covar_samp regr_count regr_avgx regr_avgy regr_intercept regr_r2
  regr_slope regr_sxx regr_sxy regr_syy sqrdiff xor_agg st_extent st_union st_makeline st_collect st_memunion
  st_memcollect percentile_disc percentile_cont mode`);

const windows = words(`row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value
  last_value nth_value`);

/** Sources of rows that give one column, and those that give several. */
const series = words(`generate_series unnest generate_subscripts json_array_elements jsonb_array_elements
  json_array_elements_text jsonb_array_elements_text json_object_keys jsonb_object_keys
  regexp_split_to_table`);
export const recordColumns: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  words('json_each jsonb_each json_each_text jsonb_each_text').map((name) => [name, ['key', 'value']]),
);

/** Operators that are NULL when an argument is, and only then; `=` is so for values that are no rows. */
const strictOperators = words(
  '+ - * / // % ^ = <> != < > <= >= ~~ !~~ ~~* !~~* ~ !~ ~* !~* @> <@ ? ?| ?& & | # << >>',
);
/** NULL only when an argument is, but not always then. */
const lenientOperators = ['||', '&&', '#-'];
const otherOperators = ['->', '->>', '#>', '#>>'];

/** A cast of what may be JSON: JSON's null may become SQL's. */
export const castOfJson = 'cast of JSON';

const setReturning = new Set([...series, ...Object.keys(recordColumns)]);
const known = new Set([...never, ...strict, ...lenient, ...aggregates, ...windows, ...series]);
const isStrict = new Set([...strict, castOfJson]);
const names = [...known, ...Object.keys(recordColumns), castOfJson];
const operatorNames = [...strictOperators, ...lenientOperators, ...otherOperators];
const firstOperator = 10_000;

const functionOids = new Map(names.map((name, i) => [name, i + 1]));
const operatorOids = new Map(operatorNames.map((name, i) => [name, firstOperator + i]));

/** The catalog's functions and operators, under numbers of the compiler's own: CockroachDB calls none strict. */
export function cockroachSymbols(): Pick<Catalog, 'functions' | 'operators'> {
  const functions = new Map<number, CatalogFunction>();
  for (const [name, oid] of functionOids)
    functions.set(oid, { schema: 'pg_catalog', name, strict: isStrict.has(name), args: [] });
  const operators = new Map<number, string>();
  for (const [name, oid] of operatorOids) {
    functions.set(oid, {
      schema: 'pg_catalog',
      name: `operator ${name}`,
      strict: strictOperators.includes(name),
      args: [],
    });
    operators.set(oid, name);
  }
  return { functions, operators };
}

export const functionOid = (name: string) => functionOids.get(name) ?? 0;
export const operatorOid = (name: string) => operatorOids.get(name) ?? 0;
export const isAggregate = (name: string) => aggregates.includes(name);
/** What is not known may give several rows. */
export const mayReturnSet = (name: string) => !known.has(name) || setReturning.has(name);
export const isSeries = (name: string) => series.includes(name);
export const isScalar = (name: string) =>
  (known.has(name) && !isAggregate(name) && !windows.includes(name) && !setReturning.has(name)) ||
  isSeries(name);

export const functionsByTrust = { never, strict, lenient };
export const operatorsByTrust = { strict: strictOperators, lenient: lenientOperators };
