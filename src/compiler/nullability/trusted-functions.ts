import type { CatalogFunction } from '../engine/catalog.ts';
import { listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';

// What PostgreSQL's built-in functions and operators are trusted with. Being STRICT is not enough for that
// (`jsonb ->`, `substring(text from regex)`, `lower(range)`), so the lists are kept by hand; what is not on them is
// taken to be nullable. test/compiler/trusted-functions.test.ts tries each entry, in each overload, on the engine.

const words = (text: string) => text.trim().split(/\s+/);

/** Never NULL, whatever the arguments: unless the function is STRICT, or its arguments come as one array (VARIADIC). */
const never = words(
  `now transaction_timestamp statement_timestamp clock_timestamp timeofday gen_random_uuid uuidv4 uuidv7 random
  current_database version pg_backend_pid txid_current pg_current_xact_id json_build_object jsonb_build_object
  json_build_array jsonb_build_array concat num_nulls num_nonnulls pg_typeof quote_nullable`,
);

/** NULL only when an argument is. Left out on purpose: `time(timestamp)` is NULL for infinity, `scale(numeric)` for NaN. */
const asArguments = words(
  `initcap length char_length character_length octet_length bit_length btrim ltrim rtrim lpad rpad replace
  reverse repeat left right position strpos starts_with split_part translate md5 sha224 sha256 sha384 sha512
  encode decode convert_from convert_to ascii chr to_hex quote_ident quote_literal abs ceil
  ceiling floor round trunc sign sqrt cbrt power exp ln log mod div gcd lcm date_trunc date_bin age make_date
  make_time make_timestamp make_timestamptz make_interval justify_days justify_hours justify_interval timezone
  to_json to_jsonb row_to_json array_to_json jsonb_set jsonb_insert jsonb_strip_nulls json_strip_nulls
  jsonb_array_length json_array_length jsonb_typeof json_typeof jsonb_pretty array_append array_prepend
  array_cat array_remove array_replace cardinality array_to_string string_to_array nextval hashtext
  pg_try_advisory_lock pg_try_advisory_xact_lock pg_advisory_lock pg_advisory_xact_lock generate_series
  int2 int4 int8 float4 float8 numeric text bool varchar bpchar char name date timestamp
  timestamptz interval bit varbit oid money width_bucket isfinite degrees radians pi
  overlaps bytea get_byte get_bit set_byte set_bit factorial trim_scale lower upper substr substring
  extract date_part to_timestamp to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery
  setweight ts_rank ts_rank_cd ts_headline`,
);

/** NULL only when the first argument is, or the array that the others come as (VARIADIC). */
const asFirst = words('concat_ws format format_type');

/** NULL only when an operand is. */
const operators = words(
  '+ - * / % ^ = <> < > <= >= || ~~ !~~ ~~* !~~* ~ !~ ~* !~* @> <@ && ? ?| ?& #- & | << >> ^@ @@',
);

/** Aggregates that are NULL only over no rows, or over rows whose argument is NULL. */
const plainAggregates = words(
  'sum min max avg bool_and bool_or every bit_and bit_or string_agg xmlagg any_value',
);
/** Aggregates that are NULL only over no rows. */
const collectingAggregates = words(
  'array_agg json_agg jsonb_agg json_agg_strict jsonb_agg_strict json_object_agg jsonb_object_agg',
);
/** Aggregates, as such or over a window, that are never NULL. */
const countingAggregates = words('count regr_count');
/** Window functions that are never NULL. */
const countingWindows = words('row_number rank dense_rank percent_rank cume_dist');
/** Window functions that are NULL only when an argument is: of `lag` and `lead` the form with a default. */
const shiftingWindows = words('ntile lag lead');
/** Window functions that are NULL only when their argument is, in a frame that has the current row. */
const edgeWindows = words('first_value last_value');
/** Functions that give rows without NULL, when no argument is NULL. */
const rowSources = words(
  'generate_series json_array_elements jsonb_array_elements json_object_keys jsonb_object_keys',
);

/** Everything that is trusted, by the rule that trusts it. */
export const trusted = {
  never,
  asArguments,
  asFirst,
  operators,
  plainAggregates,
  collectingAggregates,
  countingAggregates,
  countingWindows,
  shiftingWindows,
  edgeWindows,
  rowSources,
} as const;

const [textType, int4Type, jsonType, jsonbType, jsonpathType] = [25, 23, 114, 3802, 4072];
const castsOfJson = /^(int\d|float\d|numeric|bool)$/;
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
      f['row_typeid'] ??
      f['refrestype'] ??
      '0',
  );
}

export type Trust = 'never' | 'as-arguments' | 'as-first' | 'unknown';

const neverSet: ReadonlySet<string> = new Set(never);
const asArgumentsSet: ReadonlySet<string> = new Set(asArguments);
const asFirstSet: ReadonlySet<string> = new Set(asFirst);
const operatorSet: ReadonlySet<string> = new Set(operators);

/** What the overload of a built-in function is trusted with in a call. */
export function trustFunction({ name, args, strict }: CatalogFunction, node: TreeNode): Trust {
  const asOneArray = node.fields['funcvariadic'] === 'true';
  if (neverSet.has(name)) return (strict && args.length > 0) || asOneArray ? 'as-arguments' : 'never';
  if (asFirstSet.has(name)) return asOneArray ? 'as-arguments' : 'as-first';
  return asArgumentsSet.has(name) && isTrustedOverload(name, args, node) ? 'as-arguments' : 'unknown';
}

function isTrustedOverload(name: string, [first, second]: readonly number[], node: TreeNode): boolean {
  switch (name) {
    case 'lower':
    case 'upper':
      return first === textType; // of a range, NULL is an open end
    case 'substr':
    case 'substring':
      return second === int4Type; // of a pattern, NULL is no match
    case 'extract':
    case 'date_part':
      return finiteOnly.has(constText(nodesOf(node.fields['args'])[0])?.toLowerCase() ?? '');
    case 'to_timestamp':
      return second === undefined;
    default:
      // JSON's null becomes NULL.
      return !(castsOfJson.test(name) && (first === jsonbType || first === jsonType));
  }
}

/** Geometric types: adding closed paths, for one, gives NULL. */
const geometric = new Set([600, 601, 602, 603, 604, 628, 718]);

/** What an operator is trusted with on operands of these types. */
export function trustOperator(name: string, args: readonly number[]): Trust {
  if (args.some((type) => geometric.has(type) || type === jsonpathType)) return 'unknown';
  return operatorSet.has(name) ? 'as-arguments' : 'unknown';
}
