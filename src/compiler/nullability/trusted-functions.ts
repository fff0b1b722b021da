import { listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';

/**
 * Built-in functions and operators that give NULL only when an argument is NULL. Being STRICT is not
 * enough for that (`jsonb ->`, `substring(text from regex)`, `lower(range)`), so the list is kept by hand;
 * what is not on it is taken to be nullable.
 * Left out on purpose: `time(timestamp)` is NULL for infinity, `scale(numeric)` for NaN.
 */
const always = new Set(
  `now transaction_timestamp statement_timestamp clock_timestamp timeofday gen_random_uuid uuidv4 uuidv7 random
  current_database version pg_backend_pid txid_current pg_current_xact_id json_build_object jsonb_build_object
  json_build_array jsonb_build_array concat num_nulls num_nonnulls pg_typeof quote_nullable`.split(/\s+/),
);

const strict = new Set(
  `initcap length char_length character_length octet_length bit_length btrim ltrim rtrim lpad rpad replace
  reverse repeat left right position strpos starts_with split_part translate md5 sha224 sha256 sha384 sha512
  encode decode convert_from convert_to ascii chr to_hex quote_ident quote_literal format concat_ws abs ceil
  ceiling floor round trunc sign sqrt cbrt power exp ln log mod div gcd lcm date_trunc date_bin age make_date
  make_time make_timestamp make_timestamptz make_interval justify_days justify_hours justify_interval timezone
  to_json to_jsonb row_to_json array_to_json jsonb_set jsonb_insert jsonb_strip_nulls json_strip_nulls
  jsonb_array_length json_array_length jsonb_typeof json_typeof jsonb_pretty array_append array_prepend
  array_cat array_remove array_replace cardinality array_to_string string_to_array nextval hashtext
  pg_try_advisory_lock pg_try_advisory_xact_lock pg_advisory_lock pg_advisory_xact_lock generate_series
  int2 int4 int8 float4 float8 numeric text bool varchar bpchar char name date timestamp
  timestamptz interval bit varbit oid money width_bucket isfinite uuid_extract_none degrees radians pi
  text_concat overlaps bytea get_byte get_bit set_byte set_bit factorial trim_scale`.split(/\s+/),
);

const operators = new Set(
  '+ - * / % ^ = <> < > <= >= || ~~ !~~ ~~* !~~* ~ !~ ~* !~* @> <@ && ? ?| ?& #- & | << >> ^@'.split(' '),
);

const textType = 25;
const jsonbType = 3802;
const finiteOnly = new Set(['epoch', 'year', 'isoyear', 'decade', 'century', 'millennium', 'julian']);

/** The text of a text constant. */
export function constText(node: TreeNode | undefined): string | undefined {
  if (node?.type !== 'CONST' || node.fields['constisnull'] === 'true') return undefined;
  const [, , ...bytes] = listOf(node.fields['constvalue']);
  const numbers = bytes.map(numberOf).filter((n) => !Number.isNaN(n));
  if (numberOf(node.fields['constlen']) === -2)
    return Buffer.from(numbers.slice(0, -1).map((n) => n & 255)).toString();
  return Buffer.from(numbers.slice(4).map((n) => n & 255)).toString();
}

/** Type that an expression node has, where the node says so. */
export function typeOf(node: TreeNode): number {
  const f = node.fields;
  return numberOf(
    f['vartype'] ??
      f['consttype'] ??
      f['paramtype'] ??
      f['funcresulttype'] ??
      f['opresulttype'] ??
      f['resulttype'] ??
      f['coalescetype'] ??
      f['casetype'] ??
      f['aggtype'] ??
      f['wintype'] ??
      f['minmaxtype'] ??
      f['array_typeid'] ??
      '0',
  );
}

export type Trust = 'never' | 'as-arguments' | 'unknown';

export function trustFunction(name: string, node: TreeNode): Trust {
  const args = nodesOf(node.fields['args']);
  const first = args[0];
  if (always.has(name)) return 'never';
  if (name === 'lower' || name === 'upper') return typeOf(node) === textType ? 'as-arguments' : 'unknown';
  if (name === 'substr' || name === 'substring')
    return args[1] && typeOf(args[1]) === 23 ? 'as-arguments' : 'unknown';
  if (name === 'extract' || name === 'date_part')
    return finiteOnly.has(constText(first)?.toLowerCase() ?? '') ? 'as-arguments' : 'unknown';
  if (name === 'to_timestamp') return args.length === 1 ? 'as-arguments' : 'unknown';
  // A JSON null casts to SQL NULL.
  if (first && typeOf(first) === jsonbType && /^(int\d|float\d|numeric|bool)$/.test(name)) return 'unknown';
  return strict.has(name) ? 'as-arguments' : 'unknown';
}

/** Geometric types: adding closed paths, for one, gives NULL. */
const geometric = new Set([600, 601, 602, 603, 604, 628, 718]);

export function trustOperator(name: string, args: readonly TreeNode[]): Trust {
  if (args.some((arg) => geometric.has(typeOf(arg)))) return 'unknown';
  return operators.has(name) ? 'as-arguments' : 'unknown';
}

/** Aggregates that are NULL only over no rows, or over rows whose argument is NULL. */
export const plainAggregates = new Set(
  'sum min max avg bool_and bool_or every bit_and bit_or string_agg'.split(' '),
);
/** Aggregates that are NULL only over no rows. */
export const collectingAggregates = new Set(
  'array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict xmlagg'.split(
    ' ',
  ),
);
export const countingWindows = new Set(
  'row_number rank dense_rank percent_rank cume_dist ntile count'.split(' '),
);
